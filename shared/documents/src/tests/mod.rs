//! Whole documents, read back.

mod reader;
