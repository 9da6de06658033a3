//! Whole flows against the embedded runtime: the template, state machines, scripts and functions that are deployed.
//! Each module is a sentence about the product.

mod harness;
mod small_batches;
mod strikes;

mod a_batch_is_loaded_once;
mod a_child_runs_by_hand;
mod a_failed_phase_is_resumed;
mod a_killed_process_is_recovered;
mod a_run_leaves_no_cluster;
mod bad_input_is_refused_by_name;
mod data;
mod fault_matrix;
mod functions_run_as_on_lambda;
mod late_loads_are_mailed_once;
mod launch;
mod mails;
mod more_faults;
mod nothing_landed_costs_nothing;
mod one_run_at_a_time;
mod other_clients_use_the_services;
mod privileges_are_the_least;
mod promises_hold_under_faults;
mod reruns_by_hand;
mod start_and_lock;
mod steps;
mod terminate_notify_abort;
mod the_original_flow_runs_unchanged;
mod the_subnet_is_checked;
mod the_template_keeps_its_promises;
mod what_is_shown_is_told;
mod workers;
