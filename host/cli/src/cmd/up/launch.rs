//! Which processes `up` starts, with which arguments, in which order.
//!
//! In: the network, what was asked for. Out: children that answer, a line for each. The log collector comes
//! first, so that no line of a peer waits for it, the proxy last, when there is somebody to ask. Deliberately not
//! here: keeping them running and stopping them (`children`).

use super::children::{Children, Part};
use super::proxy_and_collector::{self, part};
use super::{Local, banner, ready};
use crate::args::Up;
use crate::beside_members::{Helper, HelperRole};
use crate::cmd::Context;
use crate::cmd::peer::overrides;
use crate::failure::Failure;
use crate::network::{Member, MemberRole, NetworkFile};
use host_node::config::{ChannelsFile, Overrides};
use host_types::fault::Code;
use std::net::TcpListener;

/// What runs beside the members, and what peers are told.
#[derive(Debug)]
pub(crate) struct Parts {
    helpers: Vec<Helper>,
    overrides: Overrides,
    arguments: Vec<String>,
}

impl Parts {
    /// What was asked for.
    pub(crate) fn of(local: &Local, up: &Up, context: &Context) -> Result<Self, Failure> {
        // `--set` and `-v` go on to the peers.
        let settings = context.global.set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        let verbose = (0..context.global.verbose).map(|_| "-v".to_owned());
        let arguments = settings.chain(verbose).collect();
        let overrides = overrides(&context.global)?;
        Ok(Self { helpers: proxy_and_collector::wanted(local, up)?, overrides, arguments })
    }

    /// Those beside the members.
    pub(crate) fn helpers(&self) -> &[Helper] {
        &self.helpers
    }

    fn helper(&self, role: HelperRole) -> Option<Helper> {
        self.helpers.iter().find(|helper| helper.role == role).copied()
    }

    /// The process of a member.
    fn member(&self, local: &Local, member: &Member) -> Part {
        if member.role != MemberRole::Peer {
            return Part::of(member, Vec::new());
        }
        let ships =
            proxy_and_collector::shipping((&local.data, member), &self.helpers, &self.overrides);
        let ships = ships.into_iter().flat_map(|setting| ["--set".to_owned(), setting]);
        Part::of(member, ships.chain(self.arguments.iter().cloned()).collect())
    }
}

/// Starts everything and waits until it answers.
pub(crate) async fn run(
    local: &Local,
    file: &ChannelsFile,
    parts: &Parts,
    children: &mut Children,
) -> Result<(), Failure> {
    check_ports(&local.network)?;
    let (collector, proxy) =
        (parts.helper(HelperRole::LogCollector), parts.helper(HelperRole::Proxy));
    if let Some(collector) = collector {
        start(local, collector, children).await?;
    }
    let channels: Vec<_> = file.channels.keys().cloned().collect();
    for member in &local.network.members {
        children.start(parts.member(local, member))?;
    }
    for member in &local.network.members {
        let answered = ready::answers(local, member, &channels);
        ready::unless_one_dies(local, children, answered).await?;
        local.out.line(&banner::member(member));
    }
    if let Some(proxy) = proxy {
        start(local, proxy, children).await?;
    }
    for helper in &parts.helpers {
        local.out.line(&banner::helper(*helper));
    }
    Ok(())
}

async fn start(local: &Local, helper: Helper, children: &mut Children) -> Result<(), Failure> {
    children.start(part(helper))?;
    let answered = proxy_and_collector::answers(local, helper);
    ready::unless_one_dies(local, children, answered).await
}

/// Tells a port that is taken before anything is started.
fn check_ports(network: &NetworkFile) -> Result<(), Failure> {
    for member in &network.members {
        for (what, address) in
            [("RPC", member.rpc()), ("REST", member.rest()), ("operations", member.ops())]
        {
            if let Err(error) = TcpListener::bind(&address) {
                let name = &member.name;
                let message = format!("{address} ({what} of {name}) cannot be used: {error}");
                return Err(Failure::new(Code::PortTaken, message));
            }
        }
    }
    Ok(())
}
