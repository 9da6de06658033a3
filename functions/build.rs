//! How `bootstrap` is linked for Lambda: cargo runs this before it compiles the functions.
//!
//! A program that may be loaded anywhere has its addresses written when it starts. The functions start often and do little, so
//! they are linked for one place: nothing is to be corrected, and the pages that would be are never touched.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name| std::env::var(name).unwrap_or_default();
    if of("PROFILE") == "release" && of("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
