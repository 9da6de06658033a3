//! GetCallerIdentity, which SDK users call first to see whether their credentials work.
