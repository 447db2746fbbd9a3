//! What the articles of a file say alike.

/// A value that all have that have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Agreed<T> {
    /// None has one.
    #[default]
    Nothing,
    /// All say this.
    On(T),
    /// They differ.
    Not,
}

impl<T: PartialEq + Copy> Agreed<T> {
    /// Takes note of one article's value.
    pub fn hear(&mut self, value: Option<T>) {
        *self = match (*self, value) {
            (Agreed::Nothing, Some(value)) => Agreed::On(value),
            (Agreed::On(old), Some(value)) if old != value => Agreed::Not,
            (as_before, _) => as_before,
        };
    }

    /// What all say.
    pub fn get(self) -> Option<T> {
        match self {
            Agreed::On(value) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_differs_is_enough() {
        let mut size = Agreed::default();
        size.hear(None);
        assert_eq!(size.get(), None);
        size.hear(Some(5));
        size.hear(None);
        size.hear(Some(5));
        assert_eq!(size.get(), Some(5));
        for value in [6, 5, 5] {
            size.hear(Some(value));
            assert_eq!(size.get(), None);
        }
    }
}
