//! The world of the story: a platform that many institutions share, then protected.

use std::collections::BTreeSet;

use serde_json::json;
use warden_lab::{
    Cluster, Error, Lab, Member, OFFICER, OWNER, Result, Uuid,
    postgres::Client,
    sample::{Institution, ROLE_LABELS, Sample, rename_roles},
};

use crate::teller::{Teller, thousands};

pub struct World {
    pub lab: Lab,
    pub sample: Sample,
    pub tenants: Vec<Uuid>,
}

impl World {
    pub fn build(teller: &mut Teller, sample: Sample) -> Result<Self> {
        teller.chapter("A platform that many institutions share");
        teller.note(&format!("Data: {}.", sample.title));
        let lab = teller.must("a private server with pg_warden", || {
            let lab = Lab::without_issuer(Cluster::builder())?;
            let version: String = lab.superuser()?.query_one("SHOW server_version", &[])?.get(0);
            Ok((lab, format!("PostgreSQL {version}")))
        })?;
        let mut owner = lab.connect(OWNER)?;
        teller.must("its tables, owned by the role dba, and their data", || {
            let rows = sample.load(&mut owner)?;
            Ok((
                (),
                format!("{} tables, {} rows", sample.tables.len(), thousands(i64::try_from(rows).unwrap_or(i64::MAX))),
            ))
        })?;
        before(teller, &lab, &sample);
        let mut world = Self { lab, sample, tenants: Vec::new() };
        world.found_tenants(teller)?;
        world.protect(teller)?;
        Ok(world)
    }

    pub fn institutions(&self) -> impl Iterator<Item = (&Institution, Uuid)> {
        self.sample.institutions.iter().zip(self.tenants.iter().copied())
    }

    /// The n-th institution, and a member of it with that title.
    pub fn member(&self, number: usize, title: &str) -> Result<Member> {
        let (institution, tenant) =
            self.institutions().nth(number).ok_or_else(|| Error::unexpected("too few institutions"))?;
        Ok(Member::new(tenant, &institution.user(title)?))
    }

    fn found_tenants(&mut self, teller: &mut Teller) -> Result<()> {
        teller.chapter("The institutions become tenants");
        let mut officer = self.lab.connect(OFFICER)?;
        teller.sql("SELECT warden.rename_role(1, 'institution_admin');  -- 2 instructor, 3 proctor, 4 student");
        teller.must("the four tiers, in the platform's own words", || {
            rename_roles(&mut officer)?;
            Ok(((), ROLE_LABELS.join(" > ")))
        })?;
        if let Some(first) = self.sample.institutions.first() {
            teller.sql(&format!(
                "SELECT warden.create_tenant('{}', '{}', external_id => '{}');\nSELECT warden.add_member(tenant, 'instructor@{}', 'instructor');",
                first.slug,
                first.name.replace('\'', "''"),
                first.external_id,
                first.slug
            ));
        }
        self.tenants = teller.must("a tenant for each institution, its staff and first students", || {
            let (tenants, members) = self.sample.enrol(&mut officer)?;
            let outcome = format!("{} tenants, {members} members", tenants.len());
            Ok((tenants, outcome))
        })?;
        teller.sql("SELECT warden.add_issuer('https://idp.lab.test', jwks, 'warden-lab', '{\"max_ttl\": \"1 day\"}');");
        teller.must("the identity provider whose tokens count", || {
            self.lab.add_issuer(json!({"max_ttl": "1 day"}))?;
            Ok(((), "one Ed25519 key".into()))
        })
    }

    fn protect(&self, teller: &mut Teller) -> Result<()> {
        teller.chapter("Protected in a few calls, by the tables' owner");
        let mut owner = self.lab.connect(OWNER)?;
        let plain = foreign_keys(&mut owner)?;
        for table in &self.sample.tables {
            let call = table.protection.call(table.name);
            teller.sql(&format!("{};", call.replace(", options => ", ",\n                      options => ")));
            teller.must(table.name, || {
                owner.batch_execute(&call)?;
                Ok(((), format!("protected with the template {}", table.protection.template)))
            })?;
        }
        let carrying: Vec<_> = foreign_keys(&mut owner)?.difference(&plain).cloned().collect();
        if !carrying.is_empty() {
            teller.note("Foreign keys now hold the tenant as well, so that no reference leaves its institution:");
        }
        for (name, columns) in carrying {
            teller.sql(&format!("{name} → ({columns})"));
        }
        teller.check("coverage", || {
            let (protected, problems) = self.coverage()?;
            match (protected == self.sample.tables.len(), problems.is_empty()) {
                (true, true) => Ok(format!("{protected} tables protected, no problem")),
                _ => Err(Error::unexpected(format!(
                    "{protected} of {} tables protected; {}",
                    self.sample.tables.len(),
                    problems.join("; ")
                ))),
            }
        });
        Ok(())
    }

    fn coverage(&self) -> Result<(usize, Vec<String>)> {
        let query =
            "SELECT relation::text, state, coalesce(problems, '{}') FROM warden.coverage WHERE schema::text = 'exam'";
        let rows = self.lab.connect(OFFICER)?.query(query, &[])?;
        let protected = rows.iter().filter(|row| row.get::<_, &str>(1) == "protected").count();
        let problems = rows.iter().flat_map(|row| {
            let relation: String = row.get(0);
            row.get::<_, Vec<String>>(2).into_iter().map(move |problem| format!("{relation}: {problem}"))
        });
        Ok((protected, problems.collect()))
    }
}

/// Each foreign key of the platform with the columns that it refers by.
fn foreign_keys(client: &mut Client) -> Result<BTreeSet<(String, String)>> {
    let query = "SELECT c.conname::text, string_agg(a.attname, ', ' ORDER BY k.position)
        FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY k(number, position), pg_attribute a
        WHERE c.contype = 'f' AND c.conparentid = 0 AND c.connamespace = 'exam'::regnamespace
            AND a.attrelid = c.conrelid AND a.attnum = k.number
        GROUP BY c.oid, c.conname";
    Ok(client.query(query, &[])?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Without protection: what one forgotten WHERE shows.
fn before(teller: &mut Teller, lab: &Lab, sample: &Sample) {
    teller.sql(&format!("{};  -- as the application; its author forgot the WHERE", sample.probes.forgotten_where));
    teller.check("so far one mistake shows everybody's rows", || {
        let seen: i64 = lab.connect("app")?.query_one(sample.probes.forgotten_where, &[])?.get(0);
        Ok(format!("{} rows of {} institutions", thousands(seen), sample.institutions.len()))
    });
}
