//! Injected time and randomness: every part of the embedded runtime takes its clock and its dice from here.
//!
//! * [`clock`]: pipeline time, which is real, or virtual (idle time costs nothing), or simulated (only waits cost).
//! * [`attended`]: futures that hold a guard exactly while they can go on.
//! * [`entropy`]: ids and jitter from one seed.

pub mod attended;
pub mod clock;
pub mod entropy;

pub use attended::Attended;
pub use clock::{Alarm, Clock, Ticket, Work};
pub use entropy::Entropy;
