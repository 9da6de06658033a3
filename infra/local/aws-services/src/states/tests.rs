//! The service through its actions, over simulated time, with functions that the tests make up.
