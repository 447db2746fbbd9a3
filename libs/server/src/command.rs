//! Command lines into commands: the syntax of RFC 3977, section 3.1 and of
//! each command. What a command means is the session's.

use std::ops::RangeInclusive;

/// A command that is understood, borrowing its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Retrieve(Piece, Which<'a>),
    Group(&'a str),
    ListGroup(Option<&'a str>, RangeInclusive<u64>),
    Next,
    Last,
    List(Listing, Option<&'a str>),
    NewGroups { date: &'a str, time: &'a str },
    Capabilities,
    ModeReader,
    Date,
    Help,
    Post,
    User(&'a str),
    Pass(&'a str),
    Quit,
}

/// What of an article is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    Article,
    Head,
    Body,
    Stat,
}

/// Which article is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which<'a> {
    Current,
    Number(u64),
    /// Without `<>`.
    Id(&'a str),
}

/// The lists there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    Active,
    Newsgroups,
}

/// Why a line is no command; the text is the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) &'static str);

const UNKNOWN: Refusal = Refusal("500 unknown command");
const SYNTAX: Refusal = Refusal("501 syntax error in the arguments");
const BAD_ID: Refusal = Refusal("501 syntax error in the message-id");
const NO_LIST: Refusal = Refusal("503 there is no such list");
/// Line longer than 512 octets.
pub(crate) const TOO_LONG: Refusal = Refusal("501 line too long");

/// Reads one line, without its line end. A line of blanks is `None`: servers
/// in the field ignore it.
pub(crate) fn parse(line: &[u8]) -> Result<Option<Command<'_>>, Refusal> {
    let line = std::str::from_utf8(line).map_err(|_| SYNTAX)?;
    let Some((keyword, rest)) = word(line) else {
        return Ok(None);
    };
    let command = match keyword.to_ascii_uppercase().as_str() {
        "ARTICLE" => retrieve(Piece::Article, rest)?,
        "HEAD" => retrieve(Piece::Head, rest)?,
        "BODY" => retrieve(Piece::Body, rest)?,
        "STAT" => retrieve(Piece::Stat, rest)?,
        "GROUP" => Command::Group(only(rest)?),
        "LISTGROUP" => list_group(rest)?,
        "NEXT" => without(rest, Command::Next)?,
        "LAST" => without(rest, Command::Last)?,
        "LIST" => list(rest)?,
        "NEWGROUPS" => new_groups(rest)?,
        // An optional keyword may follow (RFC 3977, section 5.2).
        "CAPABILITIES" => Command::Capabilities,
        "MODE" => mode(rest)?,
        "DATE" => without(rest, Command::Date)?,
        "HELP" => without(rest, Command::Help)?,
        "POST" => without(rest, Command::Post)?,
        "AUTHINFO" => authinfo(rest)?,
        "QUIT" => without(rest, Command::Quit)?,
        _ => return Err(UNKNOWN),
    };
    Ok(Some(command))
}

fn retrieve(piece: Piece, rest: &str) -> Result<Command<'_>, Refusal> {
    let which = match word(rest) {
        None => Which::Current,
        Some((_, more)) if word(more).is_some() => return Err(SYNTAX),
        Some((argument, _)) if argument.starts_with('<') => Which::Id(message_id(argument)?),
        Some((argument, _)) => Which::Number(number(argument)?),
    };
    Ok(Command::Retrieve(piece, which))
}

/// RFC 3977, section 3.6: 3 to 250 octets with the brackets, printable ASCII,
/// no `>` but the last.
fn message_id(argument: &str) -> Result<&str, Refusal> {
    let id = argument
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .ok_or(BAD_ID)?;
    let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    if (3..=250).contains(&argument.len()) && id.bytes().all(legal) {
        Ok(id)
    } else {
        Err(BAD_ID)
    }
}

/// RFC 3977, section 9.8: one to sixteen digits.
fn number(text: &str) -> Result<u64, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !(1..=16).contains(&text.len()) {
        return Err(SYNTAX);
    }
    text.parse().map_err(|_| SYNTAX)
}

fn list_group(rest: &str) -> Result<Command<'_>, Refusal> {
    let Some((group, rest)) = word(rest) else {
        return Ok(Command::ListGroup(None, 0..=u64::MAX));
    };
    let range = match word(rest) {
        None => 0..=u64::MAX,
        Some((_, more)) if word(more).is_some() => return Err(SYNTAX),
        Some((text, _)) => range(text)?,
    };
    Ok(Command::ListGroup(Some(group), range))
}

/// `7`, `7-` or `7-9` (RFC 3977, section 6.1.2.2).
fn range(text: &str) -> Result<RangeInclusive<u64>, Refusal> {
    match text.split_once('-') {
        None => number(text).map(|only| only..=only),
        Some((low, "")) => Ok(number(low)?..=u64::MAX),
        Some((low, high)) => Ok(number(low)?..=number(high)?),
    }
}

fn list(rest: &str) -> Result<Command<'_>, Refusal> {
    let Some((keyword, rest)) = word(rest) else {
        return Ok(Command::List(Listing::Active, None));
    };
    let listing = match keyword.to_ascii_uppercase().as_str() {
        "ACTIVE" => Listing::Active,
        "NEWSGROUPS" => Listing::Newsgroups,
        _ => return Err(NO_LIST),
    };
    match word(rest) {
        None => Ok(Command::List(listing, None)),
        Some((_, more)) if word(more).is_some() => Err(SYNTAX),
        Some((wildmat, _)) => Ok(Command::List(listing, Some(wildmat))),
    }
}

fn new_groups(rest: &str) -> Result<Command<'_>, Refusal> {
    let (date, rest) = word(rest).ok_or(SYNTAX)?;
    let (time, rest) = word(rest).ok_or(SYNTAX)?;
    match word(rest) {
        None => {}
        Some((zone, more)) if zone.eq_ignore_ascii_case("GMT") && word(more).is_none() => {}
        Some(_) => return Err(SYNTAX),
    }
    Ok(Command::NewGroups { date, time })
}

fn mode(rest: &str) -> Result<Command<'_>, Refusal> {
    let argument = only(rest)?;
    if argument.eq_ignore_ascii_case("READER") {
        Ok(Command::ModeReader)
    } else {
        Err(SYNTAX)
    }
}

/// The argument is the rest of the line: blanks inside are not legal, but
/// clients send them (RFC 4643, section 2.3.2).
fn authinfo(rest: &str) -> Result<Command<'_>, Refusal> {
    let (keyword, argument) = word(rest).ok_or(SYNTAX)?;
    let command = match keyword.to_ascii_uppercase().as_str() {
        "USER" => Command::User,
        "PASS" => Command::Pass,
        _ => return Err(Refusal("503 only AUTHINFO USER and PASS are known")),
    };
    match argument.trim_matches(is_blank) {
        "" => Err(SYNTAX),
        argument => Ok(command(argument)),
    }
}

fn only(rest: &str) -> Result<&str, Refusal> {
    match word(rest) {
        Some((argument, more)) if word(more).is_none() => Ok(argument),
        _ => Err(SYNTAX),
    }
}

fn without<'a>(rest: &str, command: Command<'a>) -> Result<Command<'a>, Refusal> {
    word(rest).map_or(Ok(command), |_| Err(SYNTAX))
}

/// The first word and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(is_blank);
    let end = text.find(is_blank).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commands() {
        use Command::*;
        let everything = 0..=u64::MAX;
        let cases = [
            ("BODY <a@b>", Retrieve(Piece::Body, Which::Id("a@b"))),
            (" body\t<a@b> ", Retrieve(Piece::Body, Which::Id("a@b"))),
            ("ARTICLE 17", Retrieve(Piece::Article, Which::Number(17))),
            ("STAT", Retrieve(Piece::Stat, Which::Current)),
            ("Head 0", Retrieve(Piece::Head, Which::Number(0))),
            ("GROUP a.b", Group("a.b")),
            ("LISTGROUP", ListGroup(None, everything.clone())),
            ("LISTGROUP a.b", ListGroup(Some("a.b"), everything)),
            ("LISTGROUP a.b 2", ListGroup(Some("a.b"), 2..=2)),
            ("LISTGROUP a.b 2-", ListGroup(Some("a.b"), 2..=u64::MAX)),
            ("LISTGROUP a.b 2-5", ListGroup(Some("a.b"), 2..=5)),
            ("LIST", List(Listing::Active, None)),
            ("list newsgroups a*", List(Listing::Newsgroups, Some("a*"))),
            ("CAPABILITIES AUTOUPDATE", Capabilities),
            ("MODE reader", ModeReader),
            ("AUTHINFO USER anna", User("anna")),
            ("AUTHINFO PASS  with a blank ", Pass("with a blank")),
            (
                "NEWGROUPS 20261121 000000 GMT",
                NewGroups {
                    date: "20261121",
                    time: "000000",
                },
            ),
            ("QUIT", Quit),
        ];
        for (line, command) in cases {
            assert_eq!(parse(line.as_bytes()), Ok(Some(command)), "{line}");
        }
        assert_eq!(parse(b" \t"), Ok(None));
        assert_eq!(parse(b""), Ok(None));
    }

    #[test]
    fn refuses_with_the_code_of_the_rfc() {
        let cases = [
            ("XOVER 1-2", "500"),
            ("BODY<a@b>", "500"),
            ("BODY a@b", "501"),
            ("BODY <a@b", "501"),
            ("BODY <a>b>", "501"),
            ("BODY <>", "501"),
            ("BODY <a@ü>", "501"),
            ("BODY <a@b> 2", "501"),
            ("BODY 12345678901234567", "501"),
            ("BODY -1", "501"),
            ("GROUP", "501"),
            ("GROUP a b", "501"),
            ("LISTGROUP a.b 5-x", "501"),
            ("LIST OVERVIEW.FMT", "503"),
            ("MODE STREAM", "501"),
            ("AUTHINFO SASL PLAIN", "503"),
            ("AUTHINFO USER ", "501"),
            ("NEWGROUPS 20261121", "501"),
            ("QUIT now", "501"),
        ];
        for (line, code) in cases {
            let Refusal(reply) = parse(line.as_bytes()).unwrap_err();
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
        assert_eq!(parse(b"BODY <\xff>"), Err(SYNTAX));
    }

    #[test]
    fn an_id_has_at_most_250_octets() {
        let id = "a".repeat(248);
        assert!(parse(format!("BODY <{id}>").as_bytes()).is_ok());
        assert_eq!(parse(format!("BODY <{id}a>").as_bytes()), Err(BAD_ID));
    }
}
