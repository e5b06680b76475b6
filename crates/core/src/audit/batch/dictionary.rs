//! What repeats in a body: defined at its first use, an index afterwards.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::bytes::Reader;
use super::super::error::Malformed;
use super::varint::put_size;

/// Definitions that are compared one by one: most batches have fewer, and are written and read without hashing any.
const FEW: usize = 16;

/// The writer's side. It holds the definitions, so that the address of none is anybody else's.
#[derive(Default)]
pub(super) struct Dictionary {
    items: Vec<Arc<[u8]>>,
    /// Of all, once there are more than a few.
    many: HashMap<Arc<[u8]>, usize>,
    last: usize,
}

impl Dictionary {
    pub(super) fn put(&mut self, definition: &Arc<[u8]>, out: &mut Vec<u8>) {
        match self.items.get(self.last) {
            Some(last) if Arc::ptr_eq(last, definition) => put_size(out, self.last),
            _ => self.put_other(definition, out),
        }
    }

    fn put_other(&mut self, definition: &Arc<[u8]>, out: &mut Vec<u8>) {
        let next = self.items.len();
        self.last = self.find(definition).unwrap_or(next);
        put_size(out, self.last);
        if self.last == next {
            out.extend_from_slice(definition);
            self.add(definition);
        }
    }

    fn find(&self, definition: &Arc<[u8]>) -> Option<usize> {
        if self.items.len() > FEW {
            return self.many.get(definition).copied();
        }
        self.items.iter().position(|item| Arc::ptr_eq(item, definition) || item == definition)
    }

    fn add(&mut self, definition: &Arc<[u8]>) {
        self.items.push(Arc::clone(definition));
        let from = match self.items.len() {
            ..=FEW => return,
            length if length == FEW + 1 => 0,
            length => length - 1,
        };
        self.many.extend(self.items.iter().zip(0..).skip(from).map(|(item, index)| (Arc::clone(item), index)));
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.many.clear();
        self.last = 0;
    }
}

/// The reader's side.
pub(super) struct Definitions<'a, T> {
    items: Vec<T>,
    bytes: Vec<&'a [u8]>,
    many: HashSet<&'a [u8]>,
}

impl<T> Default for Definitions<'_, T> {
    fn default() -> Self {
        Self { items: Vec::new(), bytes: Vec::new(), many: HashSet::new() }
    }
}

impl<'a, T> Definitions<'a, T> {
    /// # Errors
    /// For an index of nothing, and for a second definition of the same.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'a>,
        define: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Result<&T, Malformed> {
        let index = reader.size()?;
        if index > self.items.len() {
            return Err(Malformed::new("it refers to what it has not defined"));
        }
        if index == self.items.len() {
            let before = *reader;
            let item = define(reader)?;
            self.add(before.until(reader))?;
            self.items.push(item);
        }
        Ok(&self.items[index])
    }

    fn add(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        let is_new = if self.bytes.len() < FEW {
            !self.bytes.contains(&bytes)
        } else {
            if self.many.is_empty() {
                self.many.extend(&self.bytes);
            }
            self.many.insert(bytes)
        };
        self.bytes.push(bytes);
        if is_new { Ok(()) } else { Err(Malformed::new("it defines something twice")) }
    }
}
