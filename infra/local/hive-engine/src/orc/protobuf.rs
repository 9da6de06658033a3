//! The few parts of Protocol Buffers' wire format that ORC's tail is made of. Called by the writer and by the statistics.

/// A message that is being written.
#[derive(Debug, Default, Clone)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// An unsigned number, or an enum.
    pub(super) fn number(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, 0);
        varint(&mut self.bytes, value);
        self
    }

    /// A zigzag number.
    pub(super) fn signed(&mut self, field: u32, value: i64) -> &mut Self {
        self.number(field, zigzag(value))
    }

    pub(super) fn double(&mut self, field: u32, value: f64) -> &mut Self {
        self.tag(field, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A string, bytes, or packed numbers.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.tag(field, 2);
        varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    pub(super) fn message(&mut self, field: u32, value: &Self) -> &mut Self {
        self.bytes(field, &value.bytes)
    }

    pub(super) fn packed(
        &mut self,
        field: u32,
        values: impl IntoIterator<Item = u64>,
    ) -> &mut Self {
        let mut packed = Vec::new();
        values
            .into_iter()
            .for_each(|value| varint(&mut packed, value));
        self.bytes(field, &packed)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn tag(&mut self, field: u32, wire_type: u32) {
        varint(&mut self.bytes, u64::from(field << 3 | wire_type));
    }
}

/// Seven bits per byte, the lowest first.
pub(super) fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// Signed to unsigned, so that small magnitudes are small.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
