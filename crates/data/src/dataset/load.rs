//! Files into a dataset: labels at once, texts when they are asked for.

use std::path::PathBuf;

use gatecheck_base::fs;

use super::{
    DatasetError, DatasetSpec,
    cell::Cell,
    columns,
    labels::{self, Labels},
    source::Source,
    split::{Dataset, Texts},
    table::Table,
};

/// Opens `files`, one split in several shards or one file. Labels are read and understood; texts stay where they
/// are until [`Dataset::each`] asks for them.
pub fn load(spec: &DatasetSpec, files: &[PathBuf]) -> Result<Dataset, DatasetError> {
    let (mut labels, mut checksums, mut sources) = (Labels::default(), Vec::new(), Vec::new());
    for path in files {
        let table = Table::open(path)?;
        let found = columns::resolve(path, &spec.columns, &table.columns()?)?;
        let mut row = 0;
        table.each_row(&[&found.label], &mut |mut cells| {
            row += 1;
            labels.push(path, &found.label, row, cells.pop().unwrap_or(Cell::Null));
            Ok(())
        })?;
        if row == 0 {
            return Err(DatasetError::Empty { path: path.to_owned() });
        }
        checksums.push(fs::sha256_file(path)?);
        sources.push(Source { table, found });
    }
    let sha256 = match checksums.as_slice() {
        [] => return Err(DatasetError::NoFiles { name: spec.name.clone() }),
        [only] => only.clone(),
        several => fs::sha256(several.concat().as_bytes()),
    };
    let labelled = labels::resolve(spec, labels)?;
    Ok(Dataset {
        name: spec.name.clone(),
        split: spec.split.clone(),
        source: spec.source.clone(),
        revision: spec.revision.clone(),
        sha256,
        task: labelled.task,
        metrics: spec.metrics.clone(),
        golds: labelled.golds,
        label_names: labelled.names,
        dropped: labelled.dropped,
        texts: Texts::Files(sources),
        kept: None,
    })
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
