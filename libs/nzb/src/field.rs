//! The text of one element, joined from the pieces the parser gives.

/// Collects text. White space that only indents the text (as pretty printers
/// put it around) is dropped; white space that was written on purpose, by
/// reference or CDATA, stays, so that a message-id with it is seen to be bad.
#[derive(Debug, Default)]
pub struct Field {
    text: String,
    /// Up to here the text is not to be trimmed.
    fixed: usize,
}

impl Field {
    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Begins a new text.
    pub fn clear(&mut self) {
        self.text.clear();
        self.fixed = 0;
    }

    /// Adds text as it stood between tags.
    pub fn push_raw(&mut self, text: &str) {
        match self.text.is_empty() {
            true => self.text.push_str(text.trim_start_matches(is_space)),
            false => self.text.push_str(text),
        }
    }

    /// Adds text that was written as a reference or in CDATA.
    pub fn push_literal(&mut self, text: &str) {
        self.text.push_str(text);
        self.fixed = self.text.len();
    }

    /// No more text will come.
    pub fn finish(&mut self) {
        let kept = self.text.trim_end_matches(is_space).len();
        self.text.truncate(kept.max(self.fixed));
    }
}

/// White space as XML 1.0 §2.3 has it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_indentation_is_trimmed() {
        let mut field = Field::default();
        field.push_raw("\n  ");
        field.push_raw(" a b");
        field.push_raw("\r\n");
        field.finish();
        assert_eq!(field.text(), "a b");

        field.clear();
        field.push_literal("\n");
        field.push_raw(" a ");
        field.push_literal("\r");
        field.push_raw(" \n");
        field.finish();
        assert_eq!(field.text(), "\n a \r");
    }
}
