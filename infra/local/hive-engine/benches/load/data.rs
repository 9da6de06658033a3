//! Writes the files that the contenders read; the same ones for the same sizes.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Options;
use crate::cases::Case;

pub(crate) const CUSTOMERS: u64 = 100_000;
pub(crate) const PRODUCTS: u64 = 1_000;
const DATES: u64 = 30;
const PARTITIONS: u64 = 1_000;
const ROWS_OF_A_SMALL_FILE: u64 = 100;

/// SplitMix64: the same rows on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// Everything that the cases read.
pub(crate) fn generate(options: &Options, cases: &[Case], directory: &Path) -> anyhow::Result<()> {
    let landing = directory.join("s3/b/landing");
    let wanted = |case: Case| cases.contains(&case);
    if wanted(Case::Csv) || wanted(Case::Joins) {
        sales(&landing.join("sales/sales.csv"), options.rows, DATES, "")?;
    }
    if wanted(Case::Quoted) {
        sales(&landing.join("quoted/sales.csv"), options.rows, DATES, "\"")?;
    }
    if wanted(Case::Joins) {
        let mut customers = create(&landing.join("customer/customer.csv"))?;
        for customer in 0..CUSTOMERS {
            writeln!(
                customers,
                "{customer},{},region {}",
                customer * 17,
                customer % 50
            )?;
        }
        customers.flush()?;
        let mut products = create(&landing.join("product/product.csv"))?;
        for product in 0..PRODUCTS {
            writeln!(
                products,
                "{product},{},category {}",
                product * 31,
                product % 20
            )?;
        }
        products.flush()?;
    }
    if wanted(Case::SmallFiles) {
        for file in 0..options.files {
            let path = landing.join(format!("small/part-{file:06}.csv"));
            rows(
                &path,
                file * ROWS_OF_A_SMALL_FILE,
                ROWS_OF_A_SMALL_FILE,
                DATES,
                "",
            )?;
        }
    }
    if wanted(Case::Thousand) || cases.iter().any(|case| case.needs_history()) {
        sales(
            &landing.join("history/sales.csv"),
            options.history_rows,
            PARTITIONS,
            "",
        )?;
        rows(
            &landing.join("day/sales.csv"),
            0,
            options.history_rows / PARTITIONS,
            1,
            "",
        )?;
    }
    Ok(())
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    fs::create_dir_all(path.parent().unwrap())?;
    Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
}

fn sales(path: &Path, count: u64, dates: u64, quote: &str) -> anyhow::Result<()> {
    rows(path, 0, count, dates, quote)
}

/// `id, customer_id, amount, product_id, date_id`.
fn rows(path: &Path, first: u64, count: u64, dates: u64, q: &str) -> anyhow::Result<()> {
    let mut file = create(path)?;
    let mut numbers = Numbers(first);
    for id in first..first + count {
        let (customer, product) = (numbers.below(CUSTOMERS), numbers.below(PRODUCTS));
        let (cents, date) = (numbers.below(1_000_000), 20_260_101 + numbers.below(dates));
        writeln!(
            file,
            "{q}{id}{q},{q}{customer}{q},{q}{}.{:02}{q},{q}{product}{q},{q}{date}{q}",
            cents / 100,
            cents % 100
        )?;
    }
    file.flush()?;
    Ok(())
}
