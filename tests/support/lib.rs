//! What the tests share: the bodies of the fuzz targets, step scripts, the naive model, two readers of one log.

pub mod fuzz;
pub mod verdicts;
