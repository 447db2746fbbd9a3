//! Servers that come, change and go while a run lasts. What is in flight is
//! finished; what waits is routed anew.

use std::sync::Arc;

use super::doors::Door;
use super::{OutcomeOf, Pool};
use crate::config::{MAX_SERVERS, Server};
use crate::dial::Endpoint;
use crate::gate::Gate;
use crate::route::{Cause, Place};
use crate::site::Site;
use crate::{Class, Notice, NoticeKind, Sinks};

impl<S: Sinks> Pool<S> {
    /// Makes a server known. False if there are too many.
    pub(crate) fn introduce(&self, mut endpoint: Endpoint) -> bool {
        let mut inner = self.lock();
        let index = inner.doors.len();
        if index >= MAX_SERVERS {
            return false;
        }
        endpoint.index = index;
        let most = endpoint.server.connections;
        let place = Place::new(&endpoint.server, Arc::clone(&endpoint.name));
        self.stats.name(index, Arc::clone(&endpoint.name));
        let site = self.sites[index].get_or_init(|| Site::new(endpoint, self.base));
        let gate = Gate::new(most, Arc::clone(&site.health));
        inner.routes.places.push(place);
        inner.doors.push(Door::new(gate));
        self.allowed(index, most);
        drop(inner);
        true
    }

    /// Takes over `endpoints` as the servers that there are: known ones change,
    /// new ones are added, others are not asked any more. What that is the end
    /// of.
    pub(crate) fn change(&self, endpoints: Vec<Endpoint>) -> Vec<OutcomeOf<S>> {
        let known: Vec<Arc<str>> = self.sites().map(|site| Arc::clone(&site.name)).collect();
        let mut kept = vec![false; known.len()];
        for endpoint in endpoints {
            let same = |at: &usize| !kept[*at] && self.is_same(*at, &endpoint.server);
            match (0..known.len()).find(same) {
                Some(server) => {
                    kept[server] = true;
                    self.renew(server, endpoint);
                }
                None => self.welcome(endpoint),
            }
        }
        for (server, _) in kept.iter().enumerate().filter(|(_, kept)| !**kept) {
            self.dismiss(server);
        }
        self.wake.notify_one();
        self.reroute(&mut self.lock())
    }

    /// Makes a server known, or tells people that there is no room for it.
    fn welcome(&self, endpoint: Endpoint) {
        let server = Arc::clone(&endpoint.name);
        if !self.introduce(endpoint) {
            let reason = format!("this run has had {MAX_SERVERS} servers; begin another");
            let kind = NoticeKind::Unusable { reason };
            (self.notices)(Notice { server, kind });
        }
    }

    /// Whether `server` is the server of number `at` under a configuration that
    /// may have changed: another host is another server.
    fn is_same(&self, at: usize, server: &Server) -> bool {
        let site = self.site(at);
        let (endpoint, _) = site.endpoint();
        *site.name == *server.name
            && endpoint.server.host == server.host
            && endpoint.server.port == server.port
    }

    fn renew(&self, at: usize, mut endpoint: Endpoint) {
        let site = self.site(at);
        let (before, _) = site.endpoint();
        let compatible = before.server.same_sessions(&endpoint.server);
        endpoint.index = at;
        // Its connections hold on to the limit they know.
        before.rate.set(endpoint.server.limit_rate);
        endpoint.rate = Arc::clone(&before.rate);
        let mut inner = self.lock();
        inner.routes.places[at].configure(&endpoint.server);
        let fixed = !compatible || inner.routes.places[at].out.is_some();
        let gate = &mut inner.doors[at].gate;
        gate.resize(endpoint.server.connections);
        if fixed {
            gate.renew();
        }
        let limit = gate.limit();
        if fixed {
            // Whatever was wrong may be right now.
            inner.routes.places[at].out = None;
            inner.routes.places[at].down = None;
            inner.doors[at].told.clear();
        }
        self.allowed(at, limit);
        drop(inner);
        site.renew(endpoint, compatible);
    }

    fn dismiss(&self, server: usize) {
        let mut inner = self.lock();
        let text = "not in the server file any more";
        let place = &mut inner.routes.places[server];
        place.out = Some(Cause::new(Class::Transport, text));
        place.down = None;
        drop(inner);
        self.site(server).outdate();
    }
}
