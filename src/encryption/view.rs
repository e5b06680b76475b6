//! The companion view `<table>_clear`: how it is made and kept in step with its table.

use std::rc::Rc;

use pgrx::pg_sys::Oid;
use warden_core::encryption::column::{Clear, Shown, ViewColumn};
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{Name, quote};

use super::registry::{Column, Columns};
use crate::isolation::guard;
use crate::pg::error::internal;
use crate::pg::{catalog, relation, role, spi};

/// The trigger on the view.
const TRIGGER: &str = "warden_clear";

/// Before anything locks the table: readers lock the view first, and so must whoever changes both.
pub fn lock_first(columns: &Columns) {
    if let Some(view) = standing(columns) {
        relation::lock(view);
    }
}

/// The view, if it stands.
pub fn standing(columns: &[Rc<Column>]) -> Option<Oid> {
    columns.iter().find_map(|column| column.view).filter(|view| catalog::exists(*view))
}

/// Makes the view, or brings it into step with its table: new columns at the end, names as the table has them now. The
/// table and its schema are locked, and nobody else names the view meanwhile. As the extension's owner.
///
/// `blank`: a column that is shown as NULL while its type changes. `had`: the grants of a view that was dropped.
///
/// # Errors
/// 42P07 for a name that is taken; 42501 for a default that calls what nobody has approved.
pub fn build(
    name: &Name,
    table: Oid,
    columns: &[Rc<Column>],
    blank: Option<&str>,
    had: Option<&[Grant]>,
) -> Result<()> {
    let Some(first) = columns.first() else { return Err(internal("a view without an encrypted column")) };
    let existing = standing(columns);
    let name = match existing {
        Some(view) => {
            relation::lock(view);
            Name::new(&catalog::schema_name(view), &catalog::bare_name(view))
        }
        None => name.clone(),
    };
    let wanted = view_columns(table)?;
    let now = existing.map(view_columns).transpose()?.unwrap_or_default();
    if existing.is_some() {
        rename_columns(&name, &now, &wanted)?;
    } else if is_taken(&name)? {
        return Err(WardenError::new(SqlState::DuplicateTable, "the companion view's name is taken")
            .detail(format!("A relation {name} exists already."))
            .hint("Rename it: the view that decrypts is called <table>_clear."));
    }
    let shown: Vec<ViewColumn> = wanted
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let encrypted = columns.iter().find(|encrypted| encrypted.name == column.name);
            // A collation may have another name by now: the view knows it by itself.
            let clear = |encrypted: &Column| Clear {
                collation: now.get(at).map_or_else(|| encrypted.clear.collation.clone(), |now| now.collation.clone()),
                ..encrypted.clear.clone()
            };
            let shown = match encrypted {
                Some(encrypted) if blank == Some(&column.name) => Shown::Blank(clear(encrypted)),
                Some(encrypted) => Shown::Clear(clear(encrypted)),
                None => Shown::Plain,
            };
            ViewColumn { name: column.name.clone(), shown }
        })
        .collect();
    spi::execute(&first.below().view(&name, &shown, existing.is_some()), &[])?;
    for (at, column) in wanted.iter().enumerate() {
        let encrypted = columns.iter().find(|encrypted| encrypted.name == column.name);
        let has = now.get(at).and_then(|now| now.default.as_deref());
        let default = match encrypted {
            // It stands in the view, and nowhere else.
            Some(_) if existing.is_some() => has,
            Some(encrypted) => encrypted.default.as_deref(),
            None => column.default.as_deref(),
        };
        if default != has {
            let change = default.map_or("DROP DEFAULT".to_owned(), |default| format!("SET DEFAULT {default}"));
            spi::execute(&format!("ALTER VIEW {name} ALTER COLUMN {} {change}", quote(&column.name)), &[])?;
        }
    }
    if existing.is_none() {
        dress(&name, table, had)?;
    }
    let view: Oid = spi::value("SELECT $1::text::regclass::oid", &[name.to_string().into()])?
        .ok_or_else(|| internal("a view that was made is not there"))?;
    guard::approve_defaults(view, table)
}

/// What a new view has besides its columns.
fn dress(name: &Name, table: Oid, had: Option<&[Grant]>) -> Result<()> {
    spi::execute(
        &format!(
            "CREATE TRIGGER {TRIGGER} INSTEAD OF INSERT OR UPDATE OR DELETE ON {name} \
             FOR EACH ROW EXECUTE FUNCTION warden.clear_row()"
        ),
        &[],
    )?;
    spi::execute(
        &format!("COMMENT ON VIEW {name} IS 'pg_warden: its table with the encrypted columns decrypted'"),
        &[],
    )?;
    grant(name, table, had)?;
    spi::execute(
        "UPDATE warden.encrypted_column_registry SET clear_view = $2::text::regclass WHERE relation = $1::oid::regclass",
        &[table.into(), name.to_string().into()],
    )?;
    Ok(())
}

fn is_taken(name: &Name) -> Result<bool> {
    Ok(spi::value::<bool>(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) \
           OR EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
             WHERE n.nspname = $1 AND t.typname = $2 AND t.typcategory <> 'A')",
        &[name.schema.as_str().into(), name.relation.as_str().into()],
    )? == Some(true))
}

/// The view goes where its table went, under the name that it has now; where that is somebody else's, it stays.
pub fn follow(view: Oid, name: &Name) -> Result<()> {
    let now = Name::new(&catalog::schema_name(view), &catalog::bare_name(view));
    if now == *name || is_taken(name)? {
        return Ok(());
    }
    if now.relation != name.relation {
        // By way of a name that is nobody's in either schema.
        spi::execute(&format!("ALTER VIEW {now} RENAME TO {}", quote(&format!("warden_{}", view.to_u32()))), &[])?;
    }
    let moved = |name: &str| Name::new(&catalog::schema_name(view), name);
    if now.schema != name.schema {
        let moving = moved(&catalog::bare_name(view));
        spi::execute(&format!("ALTER VIEW {moving} SET SCHEMA {}", quote(&name.schema)), &[])?;
    }
    if now.relation != name.relation {
        let moving = moved(&catalog::bare_name(view));
        spi::execute(&format!("ALTER VIEW {moving} RENAME TO {}", quote(&name.relation)), &[])?;
    }
    Ok(())
}

/// A column of the view, or of the table below it.
pub struct Described {
    pub name: String,
    /// An identity's or a generated column's value is made below, and is no default.
    pub default: Option<String>,
    /// As SQL.
    pub collation: Option<String>,
}

/// The columns of a table or view.
pub fn view_columns(relation: Oid) -> Result<Vec<Described>> {
    spi::rows(
        "SELECT a.attname::text, CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, \
           CASE WHEN a.attcollation <> 0 THEN format('%I.%I', n.nspname, l.collname) END \
         FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
           LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace n ON n.oid = l.collnamespace \
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        &[relation.into()],
        |row| Ok(Described { name: row.need(1)?, default: row.get(2)?, collation: row.get(3)? }),
    )
}

/// Keeps in the registry what only the view knows: for when it is gone.
pub fn remember(view: Oid, columns: &[Rc<Column>]) -> Result<()> {
    for described in view_columns(view)? {
        let Some(column) = columns.iter().find(|column| column.name == described.name) else { continue };
        if column.default != described.default || column.clear.collation != described.collation {
            spi::execute(
                "UPDATE warden.encrypted_column_registry SET column_default = $2, collation_name = $3 WHERE id = $1",
                &[column.id.into(), described.default.into(), described.collation.into()],
            )?;
        }
    }
    Ok(())
}

/// By position, by way of names that are nobody's: two columns may have swapped theirs.
fn rename_columns(name: &Name, now: &[Described], table: &[Described]) -> Result<()> {
    let renamed: Vec<(usize, &str, &str)> = now
        .iter()
        .zip(table)
        .enumerate()
        .filter(|(_, (old, column))| old.name != column.name)
        .map(|(at, (old, column))| (at, old.name.as_str(), column.name.as_str()))
        .collect();
    let rename = |from: &str, to: &str| {
        spi::execute(&format!("ALTER VIEW {name} RENAME COLUMN {} TO {}", quote(from), quote(to)), &[]).map(drop)
    };
    let is_used = |name: &str| now.iter().chain(table).any(|column| column.name == name);
    let aside = |at: usize| {
        let names = (0u32..).map(|number| format!("warden_{at}_{number}"));
        names.into_iter().find(|name| !is_used(name)).unwrap_or_default()
    };
    for (at, old, _) in &renamed {
        rename(old, &aside(*at))?;
    }
    for (at, _, new) in &renamed {
        rename(&aside(*at), new)?;
    }
    Ok(())
}

/// Whether the view shows every column of its table under its name, plain ones with their defaults.
pub fn is_in_step(view: Oid, table: Oid, columns: &[Rc<Column>]) -> Result<bool> {
    let (shown, wanted) = (view_columns(view)?, view_columns(table)?);
    Ok(shown.len() == wanted.len()
        && shown.iter().zip(&wanted).all(|(shown, column)| {
            let is_encrypted = columns.iter().any(|encrypted| encrypted.name == column.name);
            shown.name == column.name && (is_encrypted || shown.default == column.default)
        }))
}

/// Who may do what with a relation's rows.
#[derive(Clone, Debug)]
pub struct Grant {
    privilege: String,
    grantee: Oid,
    is_grantable: bool,
}

impl Grant {
    /// A role that had a grant may be gone with the view that it was for.
    fn is_for_somebody(&self) -> bool {
        self.grantee == Oid::INVALID || !role::name(self.grantee).is_empty()
    }

    /// Every name in it is quoted by itself.
    fn statement(&self, on: &Name) -> String {
        let to = if self.grantee == Oid::INVALID { "PUBLIC".to_owned() } else { quote(&role::name(self.grantee)) };
        let option = if self.is_grantable && self.grantee != Oid::INVALID { " WITH GRANT OPTION" } else { "" };
        format!("GRANT {} ON {on} TO {to}{option}", self.privilege)
    }
}

/// The table's grants: what may be done with its rows. The view is the extension's owner's, so that nobody hangs code
/// on it that would hear clear values; the table's owner grants what can be granted, and takes back what he gave.
///
/// `had`: the grants of a view that was dropped; without, those of the table.
fn grant(name: &Name, table: Oid, had: Option<&[Grant]>) -> Result<()> {
    let owner = catalog::owner(table).ok_or_else(|| internal("a table without an owner"))?;
    grant_to_owner(name, owner)?;
    let grants = match had {
        Some(had) => had.to_vec(),
        None => grants_of(table)?,
    };
    let others = || {
        let others = grants.iter().filter(|grant| grant.grantee != owner && grant.is_for_somebody());
        others.into_iter().try_for_each(|grant| spi::execute(&grant.statement(name), &[]).map(drop))
    };
    let finds_it = spi::value::<bool>(
        "SELECT has_schema_privilege($1, $2, 'USAGE')",
        &[owner.into(), name.schema.as_str().into()],
    )?;
    // An owner who may not use the schema gets a view that is granted for him.
    if finds_it == Some(true) { spi::as_table_owner(owner, others) } else { others() }
}

fn grant_to_owner(name: &Name, owner: Oid) -> Result<()> {
    ["SELECT", "INSERT", "UPDATE", "DELETE"].into_iter().try_for_each(|privilege| {
        let grant = Grant { privilege: privilege.to_owned(), grantee: owner, is_grantable: true };
        spi::execute(&grant.statement(name), &[]).map(drop)
    })
}

/// A table that has got another owner: the view's rights go to him, and what the one before granted is granted anew.
pub fn follow_owner(view: Oid, table: Oid) -> Result<()> {
    let owner = catalog::owner(table).ok_or_else(|| internal("a table without an owner"))?;
    if owners_of(view)?.contains(&owner) {
        return Ok(());
    }
    let name = Name::new(&catalog::schema_name(view), &catalog::bare_name(view));
    let had = grants_of(view)?;
    // What the extension's owner gave: the table's owner his rights, and others theirs where that one could not.
    let holders = spi::rows(
        "SELECT DISTINCT x.grantee FROM pg_class c, aclexplode(c.relacl) x \
         WHERE c.oid = $1 AND x.grantor = c.relowner AND x.grantee <> c.relowner",
        &[view.into()],
        |row| row.need::<Oid>(1),
    )?;
    for holder in holders {
        let from = if holder == Oid::INVALID { "PUBLIC".to_owned() } else { quote(&role::name(holder)) };
        spi::execute(&format!("REVOKE ALL ON {name} FROM {from} CASCADE"), &[])?;
    }
    grant(&name, table, Some(&had))
}

/// Who has a companion view's rights because he owns its table, or owned it until now: all four, to grant, by the
/// extension's owner.
fn owners_of(view: Oid) -> Result<Vec<Oid>> {
    spi::rows(
        "SELECT x.grantee FROM pg_class c, aclexplode(c.relacl) x \
         WHERE c.oid = $1 AND c.relkind = 'v' AND x.grantor = c.relowner AND x.grantee <> c.relowner AND x.is_grantable \
           AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY 1 HAVING count(*) = 4",
        &[view.into()],
        |row| row.need(1),
    )
}

/// What others than its owner may do with all of a relation's rows; of a view, others than its table's owner. A
/// privilege on some of the columns is worth nothing on a view whose reader needs them all.
pub fn grants_of(relation: Oid) -> Result<Vec<Grant>> {
    let owners = owners_of(relation)?;
    let grants = spi::rows(
        "SELECT x.privilege_type, x.grantee, x.is_grantable FROM pg_class c, aclexplode(c.relacl) x \
         WHERE c.oid = $1 AND x.grantee <> c.relowner AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')",
        &[relation.into()],
        |row| Ok(Grant { privilege: row.need(1)?, grantee: row.need(2)?, is_grantable: row.need(3)? }),
    )?;
    Ok(grants.into_iter().filter(|grant| !owners.contains(&grant.grantee)).collect())
}
