//! What the protected world answers to mistakes, attacks and curiosity. Each step checks its outcome.

use warden_lab::{
    Error, Member, OFFICER, OWNER, Refusal, Result, copied_out, postgres::Client, refused, sample::NO_ROW,
};

use crate::{
    record, secrets,
    steps::{DENIED, NO_CONTEXT, count, expect, rolled_back, shown},
    teller::{Teller, counted, thousands},
    world::World,
};

/// A login that comes second is refused as a credential, as a state or as a right.
const ONE_LOGIN: &[&str] = &["28000", "42501", "55000"];

pub fn tell(teller: &mut Teller, world: &mut World) -> Result<()> {
    each_sees_its_own(teller, world)?;
    a_mistake(teller, world)?;
    an_injection(teller, world)?;
    who_may_do_what(teller, world)?;
    a_reference(teller, world)?;
    the_owner(teller, world)?;
    secrets::tell(teller, world)?;
    record::tell(teller, world)?;
    a_removed_member(teller, world)
}

fn each_sees_its_own(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("Each institution sees its own");
    teller.sql("BEGIN;\nSELECT warden.login(token);           -- an instructor of that institution\nSELECT count(*) FROM each_table;      -- no WHERE anywhere\nCOMMIT;");
    let names = world.sample.tables.iter().map(|table| table.name.trim_start_matches("exam.").to_owned());
    let header: Vec<String> = std::iter::once("institution".to_owned()).chain(names).collect();
    let mut rows = Vec::new();
    let mut client = world.lab.connect("app")?;
    teller.check("every count is that of the source, institution by institution", || {
        let mut wrong = Vec::new();
        for (number, (institution, _)) in world.institutions().enumerate() {
            let reader = world.member(number, "instructor")?;
            let mut row = vec![institution.name.clone()];
            for table in &world.sample.tables {
                let query = format!("SELECT count(*) FROM {}", table.name);
                let seen = world.lab.as_member(&mut client, &reader, |tx| count(tx, &query))?;
                let truth = table.rows.visible_to(institution);
                if seen != truth {
                    wrong.push(format!("{} sees {seen} rows of {}, has {truth}", institution.slug, table.name));
                }
                row.push(thousands(seen));
            }
            rows.push(row);
        }
        match wrong.is_empty() {
            true => Ok(format!("{} counts", world.sample.tables.len() * rows.len())),
            false => Err(Error::unexpected(wrong.join("; "))),
        }
    });
    let totals = world.sample.tables.iter().map(|table| thousands(table.rows.total()));
    rows.push(std::iter::once("all, counted from the source".to_owned()).chain(totals).collect());
    teller.table(&header, &rows);
    Ok(())
}

fn a_mistake(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("A bug in the application");
    let probes = &world.sample.probes;
    let own = own_rows(world)?;
    let instructor = world.member(0, "instructor")?;
    teller.sql(&format!("{};", probes.forgotten_where));
    teller.check("the forgotten WHERE again", || {
        let seen = world.lab.as_tenant(&instructor, |tx| count(tx, probes.forgotten_where))?;
        expect("rows", seen, own).map(|()| format!("{} rows, the institution's own", thousands(seen)))
    });
    teller.sql(&format!("{};", probes.careless_write));
    teller.check("an UPDATE without WHERE, rolled back", || {
        let touched = rolled_back(world, &instructor, |tx| Ok(tx.execute(probes.careless_write, &[])?))?;
        let touched = i64::try_from(touched).unwrap_or(i64::MAX);
        expect("rows", touched, own).map(|()| format!("{} rows, the institution's own", thousands(touched)))
    });
    teller.check("a transaction that forgot to log in", || {
        let refusal = refused(world.lab.connect("app")?.query(probes.forgotten_where, &[]), NO_CONTEXT)?;
        Ok(format!("refused, {refusal}"))
    });
    Ok(())
}

fn an_injection(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("An injected statement, inside a logged-in transaction");
    let (victim, attacker) = (world.member(1, "director")?, world.member(0, "student")?);
    let stolen = world.lab.token(&victim);
    let forged = format!("{{\"tenant\": \"{}\"}}", victim.tenant);
    let attempts: [(&str, String, Outcome); 9] = [
        ("SET", format!("SET warden.context = '{forged}'"), Outcome::Refused(DENIED)),
        ("set_config", format!("SELECT set_config('warden.context', '{forged}', true)"), Outcome::Refused(DENIED)),
        ("RESET", "RESET warden.context".into(), Outcome::Refused(DENIED)),
        ("RESET ALL", "RESET ALL".into(), Outcome::Nothing),
        ("a second login", format!("SELECT warden.login('{stolen}')"), Outcome::Refused(ONE_LOGIN)),
        (
            "logout, then a login",
            format!("SELECT warden.logout(); SELECT warden.login('{stolen}')"),
            Outcome::Refused(ONE_LOGIN),
        ),
        (
            "naming a user",
            format!("SELECT warden.assume('{}', '{}')", victim.tenant, victim.user),
            Outcome::Refused(DENIED),
        ),
        (
            "row_security",
            format!("SET LOCAL row_security = off; {}", world.sample.probes.forgotten_where),
            Outcome::Refused(DENIED),
        ),
        ("another role", "SET ROLE officer".into(), Outcome::Refused(DENIED)),
    ];
    teller.note(
        "By a student of the first institution, with a stolen, valid token of an institution_admin of the second.",
    );
    let mut client = world.lab.connect("app")?;
    for (what, statement, outcome) in attempts {
        teller.sql(&format!("{};", statement.replace(&stolen, "stolen token")));
        teller.check(what, || attempt(&mut client, world, &attacker, &statement, outcome));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Outcome {
    Refused(&'static [&'static str]),
    /// It is allowed, and changes nothing.
    Nothing,
}

/// Whatever became of the attempt: afterwards the transaction sees what it saw before, or nothing.
fn attempt(client: &mut Client, world: &World, attacker: &Member, statement: &str, outcome: Outcome) -> Result<String> {
    let query = world.sample.probes.forgotten_where;
    let mut tx = client.transaction()?;
    world.lab.login(&mut tx, attacker)?;
    let before = count(&mut tx, query)?;
    let mut savepoint = tx.savepoint("injected")?;
    let result = savepoint.batch_execute(statement);
    let told = match outcome {
        Outcome::Refused(codes) => {
            let refusal = refused(result, codes)?;
            savepoint.rollback()?;
            format!("refused, {refusal}")
        }
        Outcome::Nothing => {
            result?;
            savepoint.commit()?;
            "changes nothing".to_owned()
        }
    };
    expect("rows afterwards", count(&mut tx, query)?, before)?;
    tx.rollback()?;
    Ok(told)
}

fn who_may_do_what(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("Who may do what, inside one institution");
    let probes = &world.sample.probes;
    let (student, instructor) = (world.member(0, "student")?, world.member(0, "instructor")?);
    teller.sql(&format!("{};", probes.forgotten_where));
    teller.check("a student reads results", || {
        let (seen, all) = (world.lab.as_tenant(&student, |tx| count(tx, probes.forgotten_where))?, own_rows(world)?);
        match seen > 0 && seen < all {
            true => Ok(format!("{seen} rows, the student's own; the institution has {}", thousands(all))),
            false => Err(Error::unexpected(format!("{seen} rows of {all}"))),
        }
    });
    teller.sql(&format!("{};", probes.instructor_write));
    teller.check("an instructor changes a result, rolled back", || {
        let rows = rolled_back(world, &instructor, |tx| Ok(tx.execute(probes.instructor_write, &[])?))?;
        match rows {
            0 => Err(Error::unexpected("0 rows changed")),
            rows => Ok(format!("{} changed", counted(i64::try_from(rows).unwrap_or(i64::MAX), "row"))),
        }
    });
    shown(teller, "a student tries the same, and is told", || {
        refused(world.lab.as_tenant(&student, |tx| Ok(tx.execute(probes.instructor_write, &[])?)), DENIED)
    });
    if let Some(rewriting) = probes.append_only {
        teller.sql(&format!("{rewriting};"));
        let director = world.member(0, "director")?;
        shown(teller, "what is only ever appended to stays, even for the institution_admin", || {
            refused(world.lab.as_tenant(&director, |tx| Ok(tx.execute(rewriting, &[])?)), DENIED)
        });
    }
    teller.sql("SELECT warden.require_role('instructor');");
    teller.check("the application's own code asks, for the student", || {
        let asked =
            world.lab.as_tenant(&student, |tx| Ok(tx.batch_execute("SELECT warden.require_role('instructor')")?));
        Ok(format!("refused, {}", refused(asked, DENIED)?))
    });
    teller.check("and for the instructor", || {
        world.lab.as_tenant(&instructor, |tx| Ok(tx.batch_execute("SELECT warden.require_role('instructor')")?))?;
        Ok("passes".into())
    });
    Ok(())
}

fn a_reference(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("A reference to another institution's row");
    let probes = &world.sample.probes;
    let (own, other) = (world.member(0, "instructor")?, world.member(1, "instructor")?);
    let theirs = world.lab.as_tenant(&other, |tx| count(tx, probes.referenced))?;
    let mine = world.lab.as_tenant(&own, |tx| count(tx, probes.referenced))?;
    let refer = |to: i64| rolled_back(world, &own, |tx| Ok(tx.execute(probes.reference, &[&to])?));
    teller.sql(&format!("{};", probes.reference));
    teller.check(&format!("$1 = {mine}, a row of its own"), || refer(mine).map(|_| "accepted, rolled back".into()));
    let mut answers = Vec::new();
    for (to, what) in [(theirs, "a row of another institution"), (NO_ROW, "no row at all")] {
        shown(teller, &format!("$1 = {to}, {what}"), || {
            let refusal = refused(refer(to), &["23503"])?;
            answers.push(without_number(&refusal, to));
            Ok(refusal)
        });
    }
    teller.check("the two answers, but for the number asked for", || match answers.as_slice() {
        [one, two] if one == two => Ok("the same: nobody learns that the row exists".into()),
        [one, two] => Err(Error::unexpected(format!("they differ: {one:?}, {two:?}"))),
        _ => Err(Error::unexpected("there are not two to compare")),
    });
    Ok(())
}

fn the_owner(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("The tables' owner");
    teller.note("The role dba owns every table, runs the migrations, and is no superuser.");
    let probes = &world.sample.probes;
    let table = probes.forgotten_table;
    let attempts = [
        (probes.forgotten_where.to_owned(), NO_CONTEXT),
        (format!("SET row_security = off; {}", probes.forgotten_where), DENIED),
        (format!("COPY {table} TO STDOUT"), NO_CONTEXT),
        (format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"), DENIED),
        (format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"), DENIED),
        (probes.leaking_ddl.to_owned(), DENIED),
        (format!("SELECT warden.unprotect('{table}')"), DENIED),
    ];
    for (statement, codes) in attempts {
        // A connection each: none may profit from the one before.
        let mut owner = world.lab.connect(OWNER)?;
        teller.check(&statement, || {
            let tried = match statement.starts_with("COPY") {
                true => copied_out(&mut owner, &statement).map(drop),
                false => owner.batch_execute(&statement).map_err(Error::from),
            };
            Ok(format!("refused, {}", refused(tried, codes)?))
        });
    }
    Ok(())
}

fn a_removed_member(teller: &mut Teller, world: &World) -> Result<()> {
    teller.chapter("A member is removed");
    let query = world.sample.probes.forgotten_where;
    let leaver = world.member(0, "instructor")?;
    let token = world.lab.token(&leaver);
    let mut warm = world.lab.connect("app")?;
    for _ in 0..3 {
        world.lab.as_member(&mut warm, &leaver, |tx| count(tx, query))?;
    }
    let mut tx = warm.transaction()?;
    tx.query_one("SELECT warden.login($1)", &[&token])?;
    teller.check("an instructor works, on a warm connection and in an open transaction", || {
        let seen = count(&mut tx, query)?;
        expect("rows", seen, own_rows(world)?).map(|()| counted(seen, "row"))
    });
    teller.sql(&format!("SELECT warden.remove_member(tenant, '{}');  -- elsewhere", leaver.user));
    teller.must("the security officer removes the instructor", || {
        let mut officer = world.lab.connect(OFFICER)?;
        officer.execute("SELECT warden.remove_member($1, $2)", &[&leaver.tenant, &leaver.user])?;
        Ok(((), "done".into()))
    })?;
    teller.check("the next statement of the open transaction", || {
        Ok(format!("refused, {}", refused(count(&mut tx, query), NO_CONTEXT)?))
    });
    tx.rollback()?;
    teller.check("the same token again, still good for minutes", || {
        let mut tx = warm.transaction()?;
        Ok(format!("refused, {}", refused(tx.query_one("SELECT warden.login($1)", &[&token]), NO_CONTEXT)?))
    });
    Ok(())
}

/// What the first institution has in the table of the mistakes, counted from the source.
fn own_rows(world: &World) -> Result<i64> {
    let table = world.sample.table(world.sample.probes.forgotten_table);
    match (table, world.sample.institutions.first()) {
        (Some(table), Some(institution)) => Ok(table.rows.visible_to(institution)),
        _ => Err(Error::unexpected("the sample lacks the table of its probes")),
    }
}

fn without_number(refusal: &Refusal, number: i64) -> Refusal {
    let number = number.to_string();
    let detail = refusal.detail.as_ref().map(|detail| detail.replace(&number, "$1"));
    Refusal { detail, message: refusal.message.replace(&number, "$1"), ..refusal.clone() }
}
