//! Batches that a model cannot run: refused by every arm with the same words. MLX itself would read
//! beyond the end of its tables.

use gatecheck_model::batch::Batch;

use crate::{arms::Turn, golden::Golden};

fn refused(place: &str, batch: &Batch, message: &str, hint: Option<&str>) {
    let turn = Turn::take();
    for (arm, backend) in turn.all(&Golden::open(place).folder) {
        let mut backend = backend.unwrap();
        for error in [backend.encode(batch).unwrap_err(), backend.trace(batch).unwrap_err()] {
            assert_eq!(error.to_string(), message, "{arm}");
            assert_eq!(error.hint().as_deref(), hint, "{arm}");
        }
        // It goes on working.
        let row = Batch { ids: vec![1, 2], type_ids: vec![0, 0], lengths: vec![2] };
        assert_eq!(backend.encode(&row).unwrap().len(), 1, "{arm}");
    }
}

fn batch(ids: &[u32], type_ids: &[u32], lengths: &[u32]) -> Batch {
    Batch { ids: ids.to_vec(), type_ids: type_ids.to_vec(), lengths: lengths.to_vec() }
}

const OTHER_TOKENIZER: Option<&str> =
    Some("the tokenizer belongs to another model; take the one of this model");

#[test]
fn token_ids_beyond_the_table() {
    for id in [45, 46, u32::MAX] {
        let message = format!("token id {id} is beyond the table of 45 rows");
        refused("bert/classifier-blocks", &batch(&[1, id, 2], &[0; 3], &[3]), &message, OTHER_TOKENIZER);
    }
}

#[test]
fn token_types_beyond_the_table() {
    let pair = batch(&[1, 2, 3], &[0, 0, 1], &[3]);
    refused("bert/classifier-odd", &pair, "token type 1 is beyond the table of 1 rows", OTHER_TOKENIZER);
}

#[test]
fn rows_beyond_the_position_table() {
    let long = batch(&[1; 21], &[0; 21], &[21]);
    let message = "position 20 is beyond the table of 20 rows";
    let hint = Some("lower `max_length` of the dataset's preprocessing");
    refused("bert/classifier-blocks", &long, message, hint);
}

#[test]
fn batches_without_tokens() {
    for place in ["bert/classifier-blocks", "bert/embedding-mean"] {
        refused(place, &batch(&[], &[], &[]), "the batch has no rows", None);
        refused(place, &batch(&[1], &[0], &[1, 0]), "row 1 of the batch has no tokens", None);
    }
}

#[test]
fn batches_that_do_not_add_up() {
    for (ids, type_ids, lengths) in [(2, 2, 3), (3, 2, 3), (4, 3, 3)] {
        let message = format!(
            "the batch has {ids} token ids and {type_ids} token types for rows of {lengths} tokens in all"
        );
        let batch = batch(&vec![1; ids], &vec![0; type_ids], &[lengths]);
        refused("bert/classifier-blocks", &batch, &message, None);
    }
}
