//! What a record has one of per example or call, as columns in `record.safetensors`.
//!
//! `gold` f64 and `tokens` u32, one per example; for each arm, after its name and a dot: `outputs` f32, examples ×
//! `output_width`; `measured` bool, one per example; and for both phases `latency.block`, `.item`, `.examples`,
//! `.tokens`, `.session` u32 and `.ns` u64, one per call.

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};

use super::{ArmRecord, Call, RunRecord};

/// The columns of a record, taken out of it.
#[derive(Debug, Default)]
pub(super) struct Columns {
    gold: Vec<f64>,
    tokens: Vec<u32>,
    arms: Vec<ArmColumns>,
}

#[derive(Debug, Default)]
struct ArmColumns {
    outputs: Vec<f32>,
    measured: Vec<bool>,
    latency: Vec<Call>,
    throughput: Vec<Call>,
}

/// A column on its way to the file.
struct Column {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Columns {
    /// Takes the columns out of a record, so that only scalars stay.
    pub(super) fn take(record: &mut RunRecord) -> Self {
        let arms = record.arms.iter_mut().map(|arm| ArmColumns {
            outputs: std::mem::take(&mut arm.outputs),
            measured: std::mem::take(&mut arm.measured),
            latency: std::mem::take(&mut arm.latency),
            throughput: std::mem::take(&mut arm.throughput),
        });
        let arms = arms.collect();
        Self { gold: std::mem::take(&mut record.gold), tokens: std::mem::take(&mut record.tokens), arms }
    }

    /// Puts the columns into the record that they were taken from, or read for.
    pub(super) fn put_into(self, record: &mut RunRecord) {
        record.gold = self.gold;
        record.tokens = self.tokens;
        for (arm, columns) in record.arms.iter_mut().zip(self.arms) {
            let ArmColumns { outputs, measured, latency, throughput } = columns;
            arm.outputs = outputs;
            arm.measured = measured;
            arm.latency = latency;
            arm.throughput = throughput;
        }
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self, arms: &[ArmRecord]) -> Result<Vec<u8>, SafeTensorError> {
        let mut columns = vec![
            column("gold".to_owned(), Dtype::F64, &self.gold, f64::to_le_bytes),
            column("tokens".to_owned(), Dtype::U32, &self.tokens, u32::to_le_bytes),
        ];
        for (arm, data) in arms.iter().zip(&self.arms) {
            let (name, width) = (&arm.name, arm.output_width as usize);
            let mut outputs = column(format!("{name}.outputs"), Dtype::F32, &data.outputs, f32::to_le_bytes);
            if width > 0 && data.outputs.len().is_multiple_of(width) {
                outputs.shape = vec![data.outputs.len() / width, width];
            }
            columns.push(outputs);
            columns
                .push(column(format!("{name}.measured"), Dtype::BOOL, &data.measured, |is| [u8::from(is)]));
            calls(&format!("{name}.latency"), &data.latency, &mut columns);
            calls(&format!("{name}.throughput"), &data.throughput, &mut columns);
        }
        let views = columns
            .iter()
            .map(|it| Ok((it.name.as_str(), TensorView::new(it.dtype, it.shape.clone(), &it.bytes)?)));
        safetensors::serialize(views.collect::<Result<Vec<_>, SafeTensorError>>()?, None)
    }

    /// The columns of a record with these arms.
    pub(super) fn from_bytes(bytes: &[u8], arms: &[ArmRecord]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let arm = |arm: &ArmRecord| {
            let name = &arm.name;
            Ok(ArmColumns {
                outputs: values(&file, &format!("{name}.outputs"), Dtype::F32, f32::from_le_bytes)?,
                measured: values(&file, &format!("{name}.measured"), Dtype::BOOL, |[is]: [u8; 1]| is != 0)?,
                latency: read_calls(&file, &format!("{name}.latency"))?,
                throughput: read_calls(&file, &format!("{name}.throughput"))?,
            })
        };
        Ok(Self {
            gold: values(&file, "gold", Dtype::F64, f64::from_le_bytes)?,
            tokens: values(&file, "tokens", Dtype::U32, u32::from_le_bytes)?,
            arms: arms.iter().map(arm).collect::<Result<_, String>>()?,
        })
    }
}

fn column<T: Copy, const N: usize>(
    name: String,
    dtype: Dtype,
    values: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) -> Column {
    let bytes = values.iter().flat_map(|value| to_bytes(*value)).collect();
    Column { name, dtype, shape: vec![values.len()], bytes }
}

fn calls(name: &str, calls: &[Call], columns: &mut Vec<Column>) {
    let mut add = |part: &str, of: fn(&Call) -> u32| {
        let values: Vec<u32> = calls.iter().map(of).collect();
        columns.push(column(format!("{name}.{part}"), Dtype::U32, &values, u32::to_le_bytes));
    };
    add("block", |call| call.block);
    add("item", |call| call.item);
    add("examples", |call| call.examples);
    add("tokens", |call| call.tokens);
    add("session", |call| call.session);
    let ns: Vec<u64> = calls.iter().map(|call| call.ns).collect();
    columns.push(column(format!("{name}.ns"), Dtype::U64, &ns, u64::to_le_bytes));
}

fn read_calls(file: &SafeTensors<'_>, name: &str) -> Result<Vec<Call>, String> {
    let part = |part: &str| values(file, &format!("{name}.{part}"), Dtype::U32, u32::from_le_bytes);
    let (block, item, examples) = (part("block")?, part("item")?, part("examples")?);
    let (tokens, session) = (part("tokens")?, part("session")?);
    let ns = values(file, &format!("{name}.ns"), Dtype::U64, u64::from_le_bytes)?;
    if [&block, &item, &examples, &tokens, &session].iter().any(|part| part.len() != ns.len()) {
        return Err(format!("the columns of `{name}` are not of one length"));
    }
    let call = |at: usize| Call {
        block: block[at],
        item: item[at],
        examples: examples[at],
        tokens: tokens[at],
        ns: ns[at],
        session: session[at],
    };
    Ok((0..ns.len()).map(call).collect())
}

fn values<T, const N: usize>(
    file: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    from_bytes: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, String> {
    let tensor = file.tensor(name).map_err(|_| format!("no column `{name}`"))?;
    if tensor.dtype() != dtype {
        return Err(format!("column `{name}` is of type {:?}, not {dtype:?}", tensor.dtype()));
    }
    Ok(tensor.data().as_chunks::<N>().0.iter().map(|bytes| from_bytes(*bytes)).collect())
}
