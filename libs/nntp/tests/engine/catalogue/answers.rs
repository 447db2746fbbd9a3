//! S13 to S28: what is said to a request.

use super::Shown::{By, Case};
use super::{ALONE, BEFORE, Row, all_good};
use crate::peer::{Act, Asked, answer, id, last, say, text};
use crate::{ends, faults, lies, login, routing};

/// Says `act` to the first connection's request for `a3@x`.
fn once(asked: &Asked<'_>, act: Act) -> Option<Act> {
    (asked.connection == 0 && id(asked.line)? == "a3@x").then_some(act)
}

pub(super) const ROWS: &[Row] = &[
    Row(
        "S13 430, 423, 420, 411, 412: missing here",
        By(&[
            routing::missing_here_is_asked_for_there,
            routing::missing_says_who_was_asked,
        ]),
    ),
    Row(
        "S14 451: missing, under its own code",
        By(&[
            routing::missing_here_is_asked_for_there,
            routing::missing_says_who_was_asked,
        ]),
    ),
    Row(
        "S15 403, 436, 503 once",
        Case(super::Case {
            script: |asked| {
                let line = ["403 fault", "436 later", "503 fault"].get(asked.connection)?;
                (id(asked.line)? == "a3@x").then(|| say(line))
            },
            then: |seen| {
                all_good(seen);
                assert_eq!(seen.bad.connections(), 3 + 1);
            },
            with: |server| server.pipeline = Some(2),
            ..BEFORE
        }),
    ),
    Row(
        "S15 503 for ever: bounded tries, and no word of missing",
        Case(super::Case {
            script: |asked| (id(asked.line)? == "a3@x").then(|| say("503 fault")),
            then: |seen| {
                seen.one("a3@x", "Transport, retryable");
                let asked = seen.bad.asked();
                assert_eq!(asked.iter().filter(|id| *id == "a3@x").count(), 3);
            },
            ..ALONE
        }),
    ),
    Row("S16 400, closing or not", By(&[faults::goodbye_400])),
    Row(
        "S17 501 is said of an id: missing here",
        By(&[routing::missing_here_is_asked_for_there]),
    ),
    Row(
        "S17 500 to BODY: it is no use, the others go on",
        Case(super::Case {
            script: |asked| id(asked.line).map(|_| say("500 what?")),
            then: |seen| {
                seen.all("body from b");
                assert!(seen.bad.connections() <= 4);
            },
            ..BEFORE
        }),
    ),
    Row(
        "S18 502 in mid-session",
        By(&[login::a_used_up_account, login::one_refused_article]),
    ),
    Row(
        "S19 lines that are none",
        By(&[faults::what_is_no_answer_drops_the_connection]),
    ),
    Row(
        "S19 a line of 1 MiB",
        Case(super::Case {
            script: |asked| once(asked, Act::Say(vec![b'2'; 1 << 20])),
            ..ALONE
        }),
    ),
    Row(
        "S19 a line that does not end, then silence",
        Case(super::Case {
            script: |asked| once(asked, Act::Stall(b"222 0 <a3@x>".to_vec())),
            ..ALONE
        }),
    ),
    Row(
        "S20 codes of other questions",
        Case(super::Case {
            script: |asked| {
                let codes = ["211 1 2 3 g", "223 0 <a3@x>", "220 0 <a3@x>", "205 bye"];
                let code = codes.get(asked.connection)?;
                (id(asked.line)? == "a3@x").then(|| say(code))
            },
            // Three of them are as many as one server gets.
            then: |seen| seen.one("a3@x", "body from b"),
            ..BEFORE
        }),
    ),
    Row(
        "S21 another article",
        By(&[
            lies::one_wrong_id_poisons_the_connection_only,
            lies::the_second_wrong_id_is_damage_there,
            lies::a_430_for_another_article_is_not_taken,
        ]),
    ),
    Row(
        "S22 a 222 with fewer words",
        By(&[lies::a_222_may_name_no_article]),
    ),
    Row(
        "S22 a 222 with more words",
        Case(super::Case {
            script: |asked| {
                let id = id(asked.line)?;
                let line = format!("222 0 <{id}> body of <thing> follows - enjoy");
                Some(Act::Say(format!("{line}\r\n{}.\r\n", text(id)).into()))
            },
            ..ALONE
        }),
    ),
    Row(
        "S23 the right id, another part of the file",
        Case(super::Case {
            script: |asked| Some(Act::Say(answer(id(asked.line)?, &text("a99@x")))),
            then: |seen| {
                seen.all("body from b");
                assert_eq!(seen.run.stats.damaged(), 12);
                assert_eq!(seen.bad.connections(), 1);
            },
            ..BEFORE
        }),
    ),
    Row(
        "S24 the right id, another file, everywhere",
        Case(super::Case {
            script: |asked| Some(Act::Say(answer(id(asked.line)?, "holiday.jpg\r\n"))),
            then: |seen| {
                seen.all("damaged from a");
                assert_eq!(seen.bad.asked().len(), 24);
            },
            ..ALONE
        }),
    ),
    Row(
        "S25 an answer is left out",
        By(&[lies::shifted_answers_are_never_taken]),
    ),
    Row(
        "S25 every fifth 430 is left out, and none names its article",
        Case(super::Case {
            script: |asked| {
                id(asked.line)?;
                Some(match asked.nth % 5 {
                    4 => Act::Nothing,
                    _ => say("430 no"),
                })
            },
            then: |seen| seen.all("body from b"),
            segments: 60,
            ..BEFORE
        }),
    ),
    Row(
        "S26 an answer that nobody waits for any more",
        By(&[ends::the_answer_that_came_second]),
    ),
    Row(
        "S27 an answer too many",
        By(&[faults::what_is_no_answer_drops_the_connection]),
    ),
    Row(
        "S27 an answer too many while nothing is in flight",
        Case(super::Case {
            script: |asked| {
                let id = id(asked.line)?;
                let more = [crate::peer::article(id), crate::peer::article(id)];
                Some(Act::Say(more.concat()))
            },
            with: |server| server.pipeline = Some(1),
            then: |seen| seen.one("a11@x", "body from a"),
            ..BEFORE
        }),
    ),
    Row(
        "S28 junk behind a body",
        By(&[faults::what_is_no_answer_drops_the_connection]),
    ),
    Row(
        "S28 junk behind each body, and it hangs up",
        Case(super::Case {
            script: |asked| {
                let id = id(asked.line)?;
                let bytes = [crate::peer::article(id), b"\0\xff\n\n".to_vec()];
                Some(match asked.nth {
                    3 => last("junk"),
                    _ => Act::Say(bytes.concat()),
                })
            },
            then: |seen| assert_eq!(seen.run.stats.bodies(), 12),
            ..BEFORE
        }),
    ),
];
