//! The relay, and the loop that every function runs in, over the real SDK and the in-process engine.

mod queue_loop;
mod relay;
