//! What the client tests share.
