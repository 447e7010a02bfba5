//! Is the canary good? A conclusion from counts, with no I/O and no clock.
//!
//! # The test
//!
//! Every indicator ([`Indicator`](crate::model::verdict::settings::Indicator)) is a count of bad events against an exposure: failed requests
//! against requests, restarts against pod-seconds. Both arms are read over the same windows. Given
//! the bad events of a window, how many of them fell on the canary is a binomial count whose
//! probability is known when both arms are equally good, however the rate of both changes over
//! time. The likelihood ratios against canaries that are 1.5 to 30 times worse, averaged, form an
//! e-process `E`: if the canary is not worse, the probability that `E` *ever* reaches `1/α` is at
//! most `α`. So it may be looked at after every reading, for as long as one likes.
//!
//! The method is that of Lindon and Malek, *Anytime-Valid Inference for Multinomial Count Data*
//! (arXiv 2011.03567), section on time-inhomogeneous Poisson counts; [`evidence`] says why it also
//! holds for requests that fail or do not.
//!
//! # What is never concluded
//!
//! A canary is [`Decision::Good`](crate::model::verdict::judge::Decision::Good) only with readings of both arms, for the whole soak time, and
//! with enough of them. No traffic, `NaN`, an unreachable metrics server and counters that
//! restarted are [`Decision::Undecided`](crate::model::verdict::judge::Decision::Undecided), and say so.
//!
//! A [`Judge`](crate::model::verdict::judge::Judge) serializes, so that another process continues where one ended. What happened in
//! between counts too: counters are cumulative, and the gap is one long window.

pub mod asked;
pub mod bound;
pub mod evidence;
pub mod judge;
pub mod judgment;
pub mod longer;
pub mod settings;
#[cfg(test)]
mod simulation;
pub mod windows;

#[cfg(test)]
mod tests;
