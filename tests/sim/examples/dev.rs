use tests_sim::campaign::*;
use tests_sim::*;
fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let num = |s: &str| {
        s.strip_prefix("0x")
            .map_or_else(|| s.parse().unwrap(), |h| u64::from_str_radix(h, 16).unwrap())
    };
    let bug = a.get(2).and_then(|s| Bug::named(s));
    if a[0] == "long" {
        let mut p = plan(num(&a[1]), bug);
        p.settles_within = 600_000_000;
        let r = run(p, false);
        println!("{:?} h {} tx {} settled {}", r.verdict, r.height, r.transactions, r.settled);
    } else if a[0] == "one" {
        let r = run(plan(num(&a[1]), bug), true);
        for l in &r.lines {
            println!("{l}");
        }
        println!("{:?}", plan(num(&a[1]), bug));
        println!(
            "{:?} trace {:x} h {} tx {} ev {} lasted {} settled {}",
            r.verdict, r.trace, r.height, r.transactions, r.events, r.lasted, r.settled
        );
    } else if a[0] == "shrink" {
        let (p, n) = shrink::shrink(&plan(num(&a[1]), bug));
        println!("{n} runs");
        for f in shrink::faults(&p) {
            println!("  {f}");
        }
        println!("{:?} {:?} {:?}", p.kind, p.weights, p.parameters);
        println!("{:?}", run(p, false).verdict);
    } else {
        let s = Span {
            first: num(&a[0]),
            count: Some(num(&a[1])),
            time: None,
            stops: bug.is_some(),
            counter: None,
        };
        let t = many(&s, bug, &|_| {});
        for (_, l) in t.bad.iter().take(40) {
            println!("{l}");
        }
        println!(
            "seeds {} bad {} blocks {} tx {} events {} virt {}s busy {:.1}s rate {:.1} accused {} twice {}",
            t.seeds,
            t.bad.len(),
            t.blocks,
            t.transactions,
            t.events,
            t.virtual_micros / 1000000,
            t.busy_micros as f64 / 1e6,
            t.rate(),
            t.accused,
            t.twice
        );
    }
}
