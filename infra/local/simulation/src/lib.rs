//! Fault schedules, and the simulation of the whole pipeline under them. The command line uses both; nothing here is ever
//! deployed.
//!
//! * [`kind`], [`schedule`]: what can go wrong, and files that say so. [`sight`]: what a fault's words are compared with.
//! * [`injector`], `director`: carrying a schedule out on a runtime.
//! * [`life`]: one simulated life; `plan`: what it consists of; `people`: what they do between the runs. [`sample`]: the
//!   files that land. `promises`, `rows`, `mails`: what is checked. [`timeline`]: what happened.
//! * [`draw`]: random schedules, and every single fault. [`campaign`]: many lives. [`shrink`]: the few faults that matter.

pub mod campaign;
mod director;
pub mod draw;
mod excuses;
pub mod injector;
pub mod kind;
pub mod life;
mod mails;
mod people;
mod plan;
mod promises;
mod rows;
pub mod sample;
pub mod schedule;
pub mod shrink;
pub mod sight;
pub mod timeline;

pub use campaign::{Finding, Summary, Task};
pub use draw::Catalogue;
pub use injector::{Hit, Injector, Struck};
pub use kind::{Kind, Target};
pub use life::{Record, Violation, World, live};
pub use schedule::{Fault, Schedule, ScheduleError};
