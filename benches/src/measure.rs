//! Contenders side by side: one sample each a round, in an order that turns, so that whatever else the machine does falls
//! on all of them alike.

use warden_lab::Result;

/// One contender's samples, in seconds or bytes, the n-th from the n-th round.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

/// Measures once. The number is the round's: what a contender draws at random, all draw alike in one round.
pub type Contender<'a> = Box<dyn FnMut(u64) -> Result<f64> + 'a>;

/// The samples of each contender, in the order in which they were given.
pub fn interleave(rounds: u64, mut contenders: Vec<Contender<'_>>) -> Result<Vec<Samples>> {
    let mut samples = vec![Samples(Vec::new()); contenders.len()];
    take_turns(rounds, contenders.len(), |round, index| {
        if let (Some(contender), Some(samples)) = (contenders.get_mut(index), samples.get_mut(index)) {
            samples.0.push(contender(round)?);
        }
        Ok(())
    })?;
    Ok(samples)
}

/// Each of so many, by its index, once a round.
pub fn take_turns(rounds: u64, count: usize, mut each: impl FnMut(u64, usize) -> Result<()>) -> Result<()> {
    (0..rounds).try_for_each(|round| order(round, count).into_iter().try_for_each(|index| each(round, index)))
}

/// A B C, then C B A, then B C A, …: nobody is always first, nobody always behind the same one.
fn order(round: u64, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let turns = usize::try_from(round / 2).unwrap_or(0);
    order.rotate_left(if count == 0 { 0 } else { turns % count });
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

impl Samples {
    pub fn new(samples: Vec<f64>) -> Self {
        Self(samples)
    }

    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 }
    }

    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// Round by round.
    pub fn less(&self, base: &Samples) -> Samples {
        self.with(base, |own, base| own - base)
    }

    /// Round by round: how many times as long.
    pub fn over(&self, other: &Samples) -> Samples {
        self.with(other, |own, other| own / other)
    }

    /// Where the median lies with 95 % confidence, by the sign test: the order statistics that so few samples allow,
    /// which below six are all of them.
    pub fn median_interval(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let cut = sign_test_cut(sorted.len());
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        (at(cut), at(sorted.len().wrapping_sub(cut + 1)))
    }

    fn with(&self, other: &Samples, by: impl Fn(f64, f64) -> f64) -> Samples {
        Samples(self.0.iter().zip(&other.0).map(|(own, other)| by(*own, *other)).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// How many samples one may leave out at each end: the most k for which 2 P(X ≤ k) is 5 % at most, X of Binomial(n, 1/2).
fn sign_test_cut(count: usize) -> usize {
    let mut probability = 0.5_f64.powf(count as f64);
    let mut tail = 0.0;
    for cut in 0..count {
        tail += probability;
        if 2.0 * tail > 0.05 {
            return cut.saturating_sub(1);
        }
        probability *= (count - cut) as f64 / (cut + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::{Samples, interleave, order, sign_test_cut};

    #[test]
    fn everybody_is_measured_once_a_round_and_the_order_turns() -> warden_lab::Result<()> {
        assert_eq!(order(0, 3), [0, 1, 2]);
        assert_eq!(order(1, 3), [2, 1, 0]);
        assert_eq!(order(2, 3), [1, 2, 0]);
        assert_eq!(order(0, 0), [0_usize; 0]);
        let samples = interleave(4, vec![Box::new(|round| Ok(round as f64)), Box::new(|_| Ok(7.0))])?;
        assert_eq!(samples[0].0, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(samples[1].0, [7.0; 4]);
        Ok(())
    }

    #[test]
    fn medians_and_pairs() {
        let one = Samples::new(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((one.min(), one.median(), one.max()), (1.0, 2.5, 4.0));
        assert_eq!(one.over(&Samples::new(vec![2.0, 1.0, 3.0, 1.0])).0, [2.0, 1.0, 1.0, 2.0]);
        assert!(Samples::new(Vec::new()).median().is_nan());
    }

    #[test]
    fn the_sign_test_is_that_of_the_tables() {
        let cuts: Vec<usize> = [1, 5, 6, 9, 12, 20].into_iter().map(sign_test_cut).collect();
        assert_eq!(cuts, [0, 0, 0, 1, 2, 5]);
        let nine = Samples::new((1..=9).map(f64::from).collect());
        assert_eq!(nine.median_interval(), (2.0, 8.0));
    }
}
