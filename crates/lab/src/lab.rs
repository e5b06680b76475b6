//! A cluster with the extension in it, the roles of a typical platform, and an issuer that it trusts.

use std::{
    io::Read,
    sync::atomic::{AtomicU32, Ordering},
};

use postgres::{Client, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Cluster, ClusterBuilder, Result, TestIssuer, TokenBuilder};

/// Roles, all of which can log in: `app` (plain), `app_broker` (warden_broker), `dba` (warden_operator, owns the schema `app`),
/// `officer` (warden_admin), `auditor` (warden_auditor), `nobody` (no grant at all).
const ROLES: &str = "
    CREATE ROLE app LOGIN; CREATE ROLE app_broker LOGIN; CREATE ROLE dba LOGIN;
    CREATE ROLE officer LOGIN; CREATE ROLE auditor LOGIN; CREATE ROLE nobody LOGIN";

pub const OFFICER: &str = "officer";
pub const OWNER: &str = "dba";

pub struct Lab {
    pub cluster: Cluster,
    pub issuer: TestIssuer,
}

/// A user of a tenant: what a context is made of.
#[derive(Clone, Debug)]
pub struct Member {
    pub tenant: Uuid,
    pub user: String,
}

impl Lab {
    pub fn start() -> Result<Self> {
        Self::start_with(Cluster::builder())
    }

    pub fn start_with(builder: ClusterBuilder) -> Result<Self> {
        let lab = Self::without_issuer(builder)?;
        lab.add_issuer(json!({}))?;
        Ok(lab)
    }

    /// Nobody can log in with a token yet.
    pub fn without_issuer(builder: ClusterBuilder) -> Result<Self> {
        let cluster = builder.start()?;
        cluster.connect("postgres", "postgres")?.batch_execute(ROLES)?;
        let lab = Self { cluster, issuer: TestIssuer::new("https://idp.lab.test", [42; 32]) };
        lab.prepare("postgres")?;
        Ok(lab)
    }

    /// The extension, the platform roles' grants and the schema `app` in a database.
    pub fn prepare(&self, database: &str) -> Result<()> {
        self.cluster.connect("postgres", database)?.batch_execute(&format!(
            "CREATE EXTENSION pg_warden;
             GRANT warden_broker TO app_broker; GRANT warden_operator TO dba;
             GRANT warden_admin TO officer; GRANT warden_auditor TO auditor;
             CREATE SCHEMA app AUTHORIZATION dba;
             GRANT USAGE ON SCHEMA app TO app, app_broker, officer;
             GRANT CREATE ON DATABASE {database} TO dba"
        ))?;
        Ok(())
    }

    pub fn connect(&self, role: &str) -> Result<Client> {
        self.cluster.connect(role, "postgres")
    }

    pub fn superuser(&self) -> Result<Client> {
        self.connect("postgres")
    }

    pub fn add_issuer(&self, options: Value) -> Result<()> {
        self.trust(&self.issuer, options)
    }

    /// Makes this database trust another issuer as well.
    pub fn trust(&self, issuer: &TestIssuer, options: Value) -> Result<()> {
        self.connect(OFFICER)?.execute(
            "SELECT warden.add_issuer($1, $2, $3, $4)",
            &[&issuer.issuer, &issuer.jwks(), &issuer.audience, &options],
        )?;
        Ok(())
    }

    pub fn tenant(&self, slug: &str, members: &[(&str, &str)]) -> Result<Uuid> {
        self.tenant_with_external_id(slug, None, members)
    }

    pub fn tenant_with_external_id(
        &self,
        slug: &str,
        external_id: Option<&str>,
        members: &[(&str, &str)],
    ) -> Result<Uuid> {
        let mut officer = self.connect(OFFICER)?;
        let mut tx = officer.transaction()?;
        let tenant: Uuid = tx
            .query_one(
                "SELECT warden.create_tenant(slug => $1, name => $1, external_id => $2)",
                &[&slug, &external_id],
            )?
            .get(0);
        for (user, role) in members {
            tx.execute("SELECT warden.add_member($1, $2, $3)", &[&tenant, user, role])?;
        }
        tx.commit()?;
        Ok(tenant)
    }

    /// A slug that no other test of this cluster uses.
    pub fn unique(&self, prefix: &str) -> String {
        static USED: AtomicU32 = AtomicU32::new(0);
        format!("{prefix}-{}", USED.fetch_add(1, Ordering::Relaxed))
    }

    pub fn token(&self, member: &Member) -> String {
        self.token_for(member).sign()
    }

    pub fn token_for(&self, member: &Member) -> TokenBuilder<'_> {
        self.issuer.token(member.tenant, &member.user)
    }

    /// Logs a transaction in.
    pub fn login(&self, tx: &mut Transaction<'_>, member: &Member) -> Result<Uuid> {
        Ok(tx.query_one("SELECT warden.login($1)", &[&self.token(member)])?.get(0))
    }

    /// One transaction of `client` as that member. It commits when the work succeeds.
    pub fn as_member<T>(
        &self,
        client: &mut Client,
        member: &Member,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut tx = client.transaction()?;
        self.login(&mut tx, member)?;
        let value = work(&mut tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// The same on a connection of the application's own.
    pub fn as_tenant<T>(&self, member: &Member, work: impl FnOnce(&mut Transaction<'_>) -> Result<T>) -> Result<T> {
        self.as_member(&mut self.connect("app")?, member, work)
    }
}

/// What `COPY … TO STDOUT` gives. A refusal may come before the first row or after it.
pub fn copied_out(client: &mut Client, copy: &str) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    match client.copy_out(copy)?.read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(match error.downcast::<postgres::Error>() {
            Ok(refusal) => refusal.into(),
            Err(error) => error.into(),
        }),
    }
}

impl Member {
    pub fn new(tenant: Uuid, user: &str) -> Self {
        Self { tenant, user: user.to_owned() }
    }
}
