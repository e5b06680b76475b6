//! The audit's formats and its verifier.
