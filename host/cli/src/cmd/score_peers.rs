//! `score show NAME --peers`: the versions of a SCORE as every peer knows them, each for itself.
//!
//! In: the peers of the local network, or those that a RadioStation lists (`listed_peers`), or the one that
//! is named. Out: what each says. A peer that does not answer, or is not believed, is told with the reason and
//! hides nothing of the others. Deliberately not here: what one peer says (`score_versions`).

use super::listed_peers::{self, Candidate};
use super::score_versions::{rows, text};
use super::{Context, Done};
use crate::client::{Client, VersionInfo};
use crate::failure::Failure;
use crate::output::WARN;
use crate::profile::{self, Target};
use futures::StreamExt;
use host_types::fault::Code;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// A peer that does not answer so long is told as absent.
const ANSWER: Duration = Duration::from_secs(2);
/// Peers that are asked at once: a list has up to 1,024.
const ASKED_AT_ONCE: usize = 32;

/// What a peer says of the versions of a SCORE.
type Answer = Result<(Value, Vec<VersionInfo>), Failure>;

/// `score show NAME --peers`
pub(super) async fn show(name: &str, station: Option<&str>, context: &Context) -> Done {
    let target = profile::target(&context.global, &context.data)?;
    let candidates = match station {
        None => local(&target, context)?,
        Some(station) => {
            let client = Client::new(&target, context.global.timeout, context.out)?;
            listed_peers::of_channel(station, &client, context).await?
        }
    };
    let answers = ask(name, candidates, &target, context).await;
    let (mut lines, mut documents) = (Vec::new(), Vec::new());
    for (candidate, answer) in &answers {
        lines.extend(told(candidate, answer));
        documents.push(document(candidate, answer));
    }
    if let Some(refusal) = refusal(&answers) {
        return Err(refusal);
    }
    let document = json!({"schema": "loopchain.score-peers.v1", "score": name, "peers": documents});
    context.out.either(&document, lines);
    if answers.iter().any(|(_, answer)| answer.is_ok()) {
        return Ok(ExitCode::SUCCESS);
    }
    let message = format!("none of {} peers answers", answers.len());
    Err(Failure::new(Code::Unreachable, message))
}

/// How many peers hold the file, of how many that were asked.
pub(super) async fn holders(
    name: &str,
    sha256: &str,
    context: &Context,
) -> Result<(usize, usize), Failure> {
    let target = profile::target(&context.global, &context.data)?;
    let answers = ask(name, local(&target, context)?, &target, context).await;
    let holds = |answer: &Answer| {
        let versions = answer.iter().flat_map(|(_, versions)| versions);
        versions.into_iter().any(|one| one.here && one.sha256 == sha256)
    };
    let held = answers.iter().filter(|(_, answer)| holds(answer)).count();
    Ok((held, answers.len()))
}

/// The peers of the local network, or the one that is named.
fn local(target: &Target, context: &Context) -> Result<Vec<Candidate>, Failure> {
    let network = context.data.network()?.filter(|_| context.global.endpoint.is_none());
    let at = |url: String| Candidate { name: None, place: Ok(url) };
    Ok(match &network {
        Some(network) => network.peers().map(|peer| at(peer.url())).collect(),
        None => vec![at(target.endpoint.clone())],
    })
}

/// Asks all of them, in their order.
async fn ask(
    name: &str,
    candidates: Vec<Candidate>,
    target: &Target,
    context: &Context,
) -> Vec<(Candidate, Answer)> {
    let wait = context.global.timeout.min(ANSWER);
    let one = async |candidate: Candidate| {
        let answer = match &candidate.place {
            Err(why) => Err(why.clone()),
            Ok(url) => {
                let target = Target { endpoint: url.clone(), ..target.clone() };
                match Client::new(&target, wait, context.out) {
                    Ok(client) => client.versions(name).await.map_err(Failure::from),
                    Err(failure) => Err(failure),
                }
            }
        };
        (candidate, answer)
    };
    futures::stream::iter(candidates).map(one).buffered(ASKED_AT_ONCE).collect().await
}

/// What a peer that did answer refused with, when nobody answered with more: there is no such SCORE.
fn refusal(answers: &[(Candidate, Answer)]) -> Option<Failure> {
    if answers.iter().any(|(_, answer)| answer.is_ok()) {
        return None;
    }
    let refused = answers.iter().filter(|(candidate, _)| candidate.place.is_ok());
    let mut refusals = refused.filter_map(|(_, answer)| answer.as_ref().err());
    refusals.find(|failure| failure.code() != Code::Unreachable).cloned()
}

fn told(candidate: &Candidate, answer: &Answer) -> Vec<String> {
    match answer {
        Ok((value, versions)) => {
            let url = candidate.place.as_deref().unwrap_or_default();
            let mut lines =
                vec![format!("{} at {url}, block {}", text(value, "peer"), value["height"])];
            lines.extend(rows(versions).into_iter().map(|line| format!("  {line}")));
            lines
        }
        Err(failure) => {
            let place = candidate.place.as_deref().unwrap_or_default();
            let who = match &candidate.name {
                Some(name) if place.is_empty() => name.clone(),
                Some(name) => format!("{name} at {place}"),
                None => place.to_owned(),
            };
            vec![format!("{WARN} {who}: {}", failure.message())]
        }
    }
}

fn document(candidate: &Candidate, answer: &Answer) -> Value {
    match answer {
        Ok((value, _)) => value.clone(),
        Err(failure) => {
            let mut document = json!({
                "endpoint": candidate.place.as_ref().ok(),
                "error": {"code": failure.code().to_string(), "message": failure.message()},
            });
            if let Some(name) = &candidate.name {
                document["peer"] = name.as_str().into();
            }
            document
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(place: Result<&str, Failure>) -> Candidate {
        Candidate { name: Some("bank-a/peer0".to_owned()), place: place.map(str::to_owned) }
    }

    fn failed(code: Code) -> Answer {
        Err(Failure::new(code, "why"))
    }

    #[test]
    fn a_peer_that_says_nothing_is_told_with_its_name_and_the_reason() {
        let silent = (candidate(Ok("http://a:1")), failed(Code::Unreachable));
        assert_eq!(told(&silent.0, &silent.1), [format!("{WARN} bank-a/peer0 at http://a:1: why")]);
        let odd = candidate(Err(Failure::new(Code::CertificateUntrusted, "why")));
        assert_eq!(
            told(&odd, &failed(Code::CertificateUntrusted)),
            [format!("{WARN} bank-a/peer0: why")]
        );
        let document = document(&silent.0, &silent.1);
        assert_eq!(
            (&document["peer"], &document["endpoint"]),
            (&json!("bank-a/peer0"), &json!("http://a:1"))
        );
        assert_eq!(document["error"]["message"], "why");
    }

    #[test]
    fn only_what_peers_that_answer_refuse_is_an_answer_of_the_whole() {
        let silent = || (candidate(Ok("http://a:1")), failed(Code::Unreachable));
        let unknown = || (candidate(Ok("http://b:1")), failed(Code::ScoreUnknown));
        let odd = || {
            let place = Err(Failure::new(Code::CertificateUntrusted, "why"));
            (candidate(place), failed(Code::CertificateUntrusted))
        };
        let code = |answers: &[_]| refusal(answers).map(|failure| failure.code());
        assert_eq!(code(&[silent(), odd()]), None);
        assert_eq!(code(&[silent(), unknown()]), Some(Code::ScoreUnknown));
        let answered = (candidate(Ok("http://c:1")), Ok((json!({}), Vec::new())));
        assert_eq!(code(&[unknown(), answered]), None);
    }
}
