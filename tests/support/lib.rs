//! What the tests share: the bodies of the fuzz targets, step scripts, the naive model.

pub mod fuzz;
