//! The direction of a step through a ring of choices.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Back,
}

impl Direction {
    /// The neighbor of a value in a ring of values.
    pub fn among<T: Copy + PartialEq>(self, all: &[T], current: T) -> T {
        let place = all.iter().position(|one| *one == current).unwrap_or_default();
        all.get(self.step(place, all.len())).copied().unwrap_or(current)
    }

    /// The neighbor of a position in a ring.
    pub fn step(self, place: usize, count: usize) -> usize {
        let count = count.max(1);
        match self {
            Self::Forward => (place + 1) % count,
            Self::Back => (place + count - 1) % count,
        }
    }
}
