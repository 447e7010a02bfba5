//! JSON documents of very many rows: rendered by as many threads as there are processors, and
//! written in order. The bytes are those of one thread.

use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, Builder};

use serde::Serialize;

use super::document::BLOCK;
use super::pretty::{MARK, Pretty};

/// Rows that are rendered at once.
const ROWS: usize = 256;
/// Blocks that a thread may be ahead of what is written.
const AHEAD: usize = 2;
/// More threads would wait for each other's turn to write.
const THREADS: usize = 8;

/// Writes what [`write_json`](super::write_json) writes of a document, with `count` rows in its
/// last empty list. `row` is called once for each row, in any order.
///
/// # Errors
///
/// When writing fails, a value has no JSON form, or the document has no empty list.
pub fn write_json_rows<R: Serialize>(
    out: &mut dyn Write,
    document: &impl Serialize,
    count: usize,
    row: impl Fn(usize) -> R + Sync,
) -> io::Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    write(out, document, count, &row, processors.min(THREADS))
}

fn write<R: Serialize>(
    out: &mut dyn Write,
    document: &impl Serialize,
    count: usize,
    row: &(impl Fn(usize) -> R + Sync),
    threads: usize,
) -> io::Result<()> {
    let mut text = Vec::new();
    document.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text,
        Pretty::marking(),
    ))?;
    let Some(at) = text.iter().rposition(|byte| *byte == MARK) else {
        return Err(io::Error::other("the document has no empty list"));
    };
    let line = text[..at].iter().rposition(|byte| *byte == b'\n');
    let line = &text[line.map_or(0, |end| end + 1)..at];
    let blanks = line.iter().take_while(|byte| **byte == b' ').count();
    let around = Pretty::at(blanks / 2);
    let head: Vec<u8> = text[..at]
        .iter()
        .copied()
        .filter(|byte| *byte != MARK)
        .collect();

    let mut out = BufWriter::with_capacity(BLOCK, out);
    out.write_all(&head)?;
    if count > 0 {
        let depth = blanks / 2 + 1;
        let render = |rows: Range<usize>, into: &mut Vec<u8>| -> io::Result<()> {
            for number in rows {
                Pretty::at(depth).line(into, number > 0)?;
                row(number).serialize(&mut serde_json::Serializer::with_formatter(
                    &mut *into,
                    Pretty::at(depth),
                ))?;
            }
            Ok(())
        };
        blocks(count, threads, &render, |block| out.write_all(block))?;
        around.line(&mut out, false)?;
    }
    out.write_all(&text[at + 1..])?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A thread that renders: where its blocks come from, and where they go when they are written.
type Renderer = (Receiver<io::Result<Vec<u8>>>, Sender<Vec<u8>>);

/// Renders blocks of rows side by side and hands them on in order.
fn blocks(
    count: usize,
    threads: usize,
    render: &(impl Fn(Range<usize>, &mut Vec<u8>) -> io::Result<()> + Sync),
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let rows = move |block: usize| block * ROWS..count.min((block + 1) * ROWS);
    let all = count.div_ceil(ROWS);
    let threads = threads.min(all);
    thread::scope(|scope| {
        let start = |first: usize| -> io::Result<Renderer> {
            let (done, blocks) = sync_channel(AHEAD);
            let (back, used) = channel::<Vec<u8>>();
            let work = move || {
                for block in (first..all).step_by(threads) {
                    let mut into = used.try_recv().unwrap_or_default();
                    into.clear();
                    let result = render(rows(block), &mut into).map(|()| into);
                    // Nobody waits for it when writing failed.
                    if done.send(result).is_err() {
                        break;
                    }
                }
            };
            Builder::new().spawn_scoped(scope, work)?;
            Ok((blocks, back))
        };
        // One processor, or no thread to be had: the blocks are rendered here.
        let renderers: Vec<Option<Renderer>> = (0..threads)
            .map(|first| (threads > 1).then(|| start(first).ok()).flatten())
            .collect();
        let mut own = Vec::new();
        for block in 0..all {
            if let Some((blocks, back)) = &renderers[block % threads] {
                let rendered = blocks.recv().map_err(io::Error::other)??;
                write(&rendered)?;
                // At its end a renderer takes nothing back.
                let _ = back.send(rendered);
            } else {
                own.clear();
                render(rows(block), &mut own)?;
                write(&own)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::output::json;

    fn row(number: usize) -> Value {
        match number % 3 {
            0 => json!({"number": number, "list": [], "deep": {"a": [1, {"b": "\u{0}\n"}]}}),
            1 => json!([]),
            _ => json!(number),
        }
    }

    fn written(document: &Value, count: usize, threads: usize) -> String {
        let mut out = Vec::new();
        write(&mut out, document, count, &row, threads).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn any_number_of_threads_writes_what_one_writes_without_blocks() {
        for count in [0, 1, 2, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS + 7] {
            let rows: Vec<Value> = (0..count).map(row).collect();
            let whole = json(&json!({"a": [], "b": "\u{0}", "c": rows})).unwrap();
            for threads in [1, 2, 3, 8] {
                let document = json!({"a": [], "b": "\u{0}", "c": []});
                assert_eq!(
                    written(&document, count, threads),
                    whole,
                    "{count} {threads}"
                );
            }
        }
    }

    #[test]
    fn the_rows_are_as_deep_as_their_list_and_what_follows_it_stays() {
        let around =
            |rows: Vec<Value>| json!({"runs": [{"q": [], "rows": rows, "z": [1]}], "v": 2});
        let whole = json(&around((0..3).map(row).collect())).unwrap();
        assert_eq!(written(&around(Vec::new()), 3, 2), whole);
    }

    #[test]
    fn a_document_without_an_empty_list_is_an_error() {
        let result = write(&mut Vec::new(), &json!({"a": [1]}), 1, &row, 1);
        assert!(result.is_err());
    }

    /// Takes so many bytes and then no more.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn when_nobody_reads_any_more_it_ends() {
        let document = json!({"rows": []});
        let result = write(&mut Full(100_000), &document, 100_000, &row, 3);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
