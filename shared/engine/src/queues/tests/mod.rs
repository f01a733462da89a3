//! Tests of the queues, through their public interface and a clock moved by hand.
