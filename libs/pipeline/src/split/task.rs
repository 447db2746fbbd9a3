//! One NZB on its way out: its files batch by batch, without what is there already.

use nzbpipe_nzb::Nzb;
use nzbpipe_record::Header;
use nzbpipe_store::Kept;

use super::records::{self, LONGEST, Left};
use super::{Config, Source, refused};
use crate::repair::Entry;
use crate::stage::Ending;
use crate::verdict::{Par2, Plan};
use crate::{Error, Event, Outlet, Stop};

/// An NZB that was opened.
pub(super) struct Task {
    /// For messages.
    name: String,
    nzb: Nzb,
    plan: Plan,
    /// The files in the order in which they are to come.
    order: Vec<usize>,
}

impl Task {
    /// Opens an NZB and says what is wrong with it.
    pub fn open(config: &mut Config, source: &Source) -> Result<Task, Error> {
        let name = source.shown();
        let stop = config.stop.clone();
        let (input, given) = source.open(&stop)?;
        let nzb = Nzb::open(input, given.as_deref(), nzbpipe_nzb::Limits::default())
            .map_err(|e| refused(&name, e, &stop))?;
        for warning in nzb.warnings() {
            (config.warn)(format!("{name}: {warning}"));
        }
        if nzb.password().is_some_and(|p| p.len() > LONGEST) {
            (config.warn)(format!(
                "{name}: its password is longer than {LONGEST} bytes and is left out of the \
                 `job` record"
            ));
        }
        if nzb.files().is_empty() {
            return Err(Error::Input(format!(
                "{name}: this NZB lists no files: there is nothing to fetch"
            )));
        }
        if !nzb.files().iter().any(|file| config.wants(&file.name)) {
            (config.warn)(format!(
                "{name}: none of its files is chosen by --include and --exclude"
            ));
        }
        let entries = entries(&nzb, config);
        let files = entries.iter().map(|e| (e.name.as_str(), e.bytes, e.chosen));
        let plan = Plan::new(config.par2, files);
        if let Some(back) = &config.back {
            back.note(nzb.job(), nzb.name(), entries);
        }
        let order = nzb.order();
        Ok(Task {
            name,
            nzb,
            plan,
            order,
        })
    }

    /// Writes the job's record and its first batch.
    pub fn begin(
        &mut self,
        config: &mut Config,
        outlet: &mut Outlet,
        ending: &mut Ending,
    ) -> Result<(), Error> {
        let batch = self.plan.first();
        let left = self.left(config, &batch)?;
        let job = records::job(&self.nzb, &left);
        if let Some(room) = &mut config.room {
            room.reserve(job.bytes)?;
        }
        config.watch.event(Event::Job(&job));
        outlet.send(job.into())?;
        outlet.flush()?;
        self.emit(left, config, outlet, ending)
    }

    /// Whether what becomes of the first batch may ask for a second one.
    pub fn may_want_more(&self, config: &Config) -> bool {
        config.par2 == Par2::Auto && self.plan.may_want_more()
    }

    /// Writes the next batch, once the one before has met its fate; says whether there was
    /// one.
    pub fn go_on(
        &mut self,
        config: &mut Config,
        outlet: &mut Outlet,
        ending: &mut Ending,
    ) -> Result<bool, Error> {
        let Some(back) = &config.back else {
            return Ok(false);
        };
        let batch = self.plan.next(&back.judge(self.nzb.job()));
        let left = self.left(config, &batch)?;
        self.emit(left, config, outlet, ending)?;
        Ok(!batch.is_empty())
    }

    /// The files of a batch in their order, with what is there of each.
    fn left(&self, config: &mut Config, batch: &[usize]) -> Result<Vec<Left>, Error> {
        let wanted = self.order.iter().filter(|file| batch.contains(file));
        let left = wanted.map(|&file| {
            let kept = match &mut config.kept {
                Some(kept) => kept(&records::template(&self.nzb, file))?,
                None => Kept::default(),
            };
            Ok(Left { file, kept })
        });
        left.collect()
    }

    fn emit(
        &mut self,
        left: Vec<Left>,
        config: &Config,
        outlet: &mut Outlet,
        ending: &mut Ending,
    ) -> Result<(), Error> {
        for Left { file, kept } in left {
            let template = records::template(&self.nzb, file);
            if config.tell && kept.count() > 0 {
                outlet.send(records::state(&template, &kept).into())?;
            }
            if template.of == 0 {
                ending.tally.bad_input += 1;
                outlet.send(records::no_segments(template).into())?;
                continue;
            }
            let (name, stop) = (&self.name, &config.stop);
            let malformed = |e: nzbpipe_nzb::Error| refused(name, e, stop);
            let segments = self.nzb.segments(file).map_err(malformed)?;
            let wanted = segments.filter(|s| s.as_ref().map_or(true, |s| !kept.has(s.number)));
            let records =
                wanted.map(|segment| Ok(records::record(&template, segment.map_err(malformed)?)));
            write(records, stop, outlet, ending)?;
        }
        Ok(())
    }
}

/// The files that the NZB lists.
fn entries(nzb: &Nzb, config: &Config) -> Vec<Entry> {
    let entry = |file: &nzbpipe_nzb::File| Entry {
        file: file.index as u64,
        name: file.name.clone(),
        bytes: file.bytes.unwrap_or(0),
        chosen: config.wants(&file.name),
    };
    nzb.files().iter().map(entry).collect()
}

/// Writes the records of one file.
fn write(
    records: impl Iterator<Item = Result<Header, Error>>,
    stop: &Stop,
    outlet: &mut Outlet,
    ending: &mut Ending,
) -> Result<(), Error> {
    for header in records {
        if let Some(code) = stop.requested() {
            return Err(Error::Stopped(code));
        }
        let header = header?;
        match &header {
            Header::Failed(_) => ending.tally.bad_input += 1,
            _ => ending.tally.ok += 1,
        }
        outlet.send(header.into())?;
    }
    Ok(())
}
