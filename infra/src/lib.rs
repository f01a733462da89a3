//! One machine as the whole system: the host of `template.yaml` and what surrounds it.

pub mod template;
