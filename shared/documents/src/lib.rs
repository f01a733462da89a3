//! `documents`.
