//! Many models on many datasets: everything is looked at first ([`survey`]), downloads and conversions go side by
//! side ([`prepare`]), then one cell after the other is measured alone on the machine ([`measure`]). A cell that
//! fails leaves the others alone.
//!
//! What lies in the folders of the cells is all the state there is: a whole record of the same content is kept, an
//! unfinished journal gone on with, an artefact found or made again. So the same command continues after a kill.

mod cells;
mod conversions;
mod error;
pub mod events;
mod fetch;
mod finish;
mod order;
mod outputs;
mod parallel;
mod place;
mod ready;
mod survey;

pub use self::{
    error::PipelineError,
    finish::{Finished, measure},
    order::Order,
    place::Place,
    ready::{Ready, prepare},
    survey::{Bytes, CellLine, ModelLine, Survey, Way, survey},
};
