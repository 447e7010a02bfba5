//! The subjects of all bindings as numbers: comparing and counting names again and again would be
//! most of the work.

use std::collections::HashMap;

use crate::model::engine::World;
use crate::model::subject::SubjectRef;

/// Every subject of every binding, each distinct one with a number. The numbers are in the order
/// of the subjects.
pub(super) struct SubjectIndex<'w> {
    names: Vec<SubjectRef<'w>>,
    /// Where the subjects of each binding begin in `numbers`.
    begin: Vec<usize>,
    /// `None` is a subject that never matches anybody.
    numbers: Vec<Option<u32>>,
}

impl<'w> SubjectIndex<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Self {
        let mut known: HashMap<SubjectRef<'w>, u32> = HashMap::new();
        let mut names: Vec<SubjectRef<'w>> = Vec::new();
        let mut begin = Vec::with_capacity(world.binding_count());
        let mut numbers = Vec::new();
        for index in 0..world.binding_count() {
            begin.push(numbers.len());
            let inside = world.inside(index);
            for subject in &world.binding(index).subjects {
                numbers.push(SubjectRef::of_binding(subject, inside).map(|subject| {
                    *known.entry(subject).or_insert_with(|| {
                        names.push(subject);
                        number(names.len() - 1)
                    })
                }));
            }
        }
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by_key(|at| names[*at]);
        let mut places = vec![0; names.len()];
        for (place, at) in order.iter().enumerate() {
            places[*at] = number(place);
        }
        for one in numbers.iter_mut().flatten() {
            *one = places[*one as usize];
        }
        Self {
            names: order.iter().map(|at| names[*at]).collect(),
            begin,
            numbers,
        }
    }

    /// Returns the number of each subject of a binding.
    pub(super) fn of(&self, binding: usize) -> &[Option<u32>] {
        let end = self.begin.get(binding + 1);
        &self.numbers[self.begin[binding]..end.copied().unwrap_or(self.numbers.len())]
    }

    pub(super) fn name(&self, number: u32) -> SubjectRef<'w> {
        self.names[number as usize]
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
