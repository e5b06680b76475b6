//! Which columns are encrypted, and how statements name them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::{Uuid, pg_sys};
use warden_core::encryption::column::{Below, Clear, ColumnType};
use warden_core::error::Result;
use warden_core::isolation::Name;
use warden_core::tenancy::Tier;

use crate::isolation;
use crate::pg::cache::{self, Registry};
use crate::pg::catalog;
use crate::pg::error::internal;
use crate::pg::{spi, typed};
use crate::tenancy::directory;

/// An encrypted column.
#[derive(Clone, Debug)]
pub struct Column {
    pub id: Uuid,
    /// The table; of a partitioned one, the topmost.
    pub relation: pg_sys::Oid,
    pub name: String,
    /// What it was before.
    pub clear: Clear,
    /// The OID of the type that it was, without its modifier.
    pub kind: pg_sys::Oid,
    /// The modifier of the type that it was.
    pub modifier: i32,
    pub is_searchable: bool,
    /// The lowest role that decrypts; `None`: whoever reads the row.
    pub decrypt: Option<Tier>,
    pub key_columns: Vec<String>,
    pub tenant_column: String,
    /// The default that it had.
    pub default: Option<String>,
    pub view: Option<pg_sys::Oid>,
}

impl Column {
    pub fn below(&self) -> Below {
        Below {
            table: Name::new(&catalog::schema_name(self.relation), &catalog::bare_name(self.relation)),
            tenant_column: self.tenant_column.clone(),
            key_columns: self.key_columns.clone(),
        }
    }

    /// The lowest role that may see the clear value.
    pub fn decrypting(&self) -> Result<Option<Tier>> {
        if self.decrypt.is_some() {
            return Ok(self.decrypt);
        }
        let protected = isolation::registry::lookup(self.relation)?;
        Ok(protected.and_then(|protected| protected.template.tiers[0]))
    }
}

/// All columns of one table, in the order in which they were encrypted.
pub type Columns = Rc<Vec<Rc<Column>>>;

#[derive(Default)]
struct Known {
    by_relation: HashMap<u32, Columns>,
    by_name: HashMap<String, Rc<Column>>,
    by_id: HashMap<[u8; 16], Rc<Column>>,
    by_view: HashMap<u32, pg_sys::Oid>,
    /// Partitions and the table that their columns are registered for.
    roots: HashMap<u32, pg_sys::Oid>,
    generation: u64,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

fn is_installed() -> bool {
    cache::oid(Registry::Column) != pg_sys::Oid::INVALID
}

/// Runs `look` over the registry as it is now.
fn with<T>(look: impl FnOnce(&Known) -> T) -> Result<T> {
    if cache::take_stale(Registry::Column) && is_installed() {
        // Empty until it is filled: an error in between must not leave what is old.
        let generation = KNOWN.with_borrow_mut(|known| {
            let generation = known.generation + 1;
            *known = Known { generation, ..Known::default() };
            generation
        });
        let filled = fill(generation).inspect_err(|_| cache::keep_stale(Registry::Column))?;
        KNOWN.with_borrow_mut(|known| *known = filled);
    }
    Ok(KNOWN.with_borrow(look))
}

fn fill(generation: u64) -> Result<Known> {
    let rows = directory::look_up(
        Registry::Column,
        "SELECT r.id, r.relation::oid, r.column_name::text, r.type_name, r.full_type, r.collation_name, r.searchable, \
           r.decrypt_tier, r.key_columns::text[], r.tenant_column::text, r.column_default, \
           r.clear_view::oid, r.names, r.type_modifier \
         FROM warden.encrypted_column_registry r ORDER BY r.encrypted_at, r.id",
        &[],
        |row| {
            let id: Uuid = row.need(1)?;
            let kind: String = row.need(4)?;
            let column = Column {
                id,
                relation: row.need(2)?,
                name: row.need(3)?,
                clear: Clear {
                    id: id.to_string(),
                    kind: ColumnType::parse(&kind).ok_or_else(|| internal("a column of an unknown type"))?,
                    full_type: row.need(5)?,
                    collation: row.get(6)?,
                },
                kind: typed::named(&kind)?,
                modifier: row.need(14)?,
                is_searchable: row.need(7)?,
                decrypt: row.get::<i16>(8)?.and_then(|tier| Tier::from_number(tier.into())),
                key_columns: row.need(9)?,
                tenant_column: row.need(10)?,
                default: row.get(11)?,
                view: row.get(12)?,
            };
            Ok((Rc::new(column), row.need::<Vec<String>>(13)?))
        },
    )?;
    let mut known = Known { generation, ..Known::default() };
    let mut tables: HashMap<u32, Vec<Rc<Column>>> = HashMap::new();
    // Names of now are stored first, two spellings at most; older ones give way to them.
    let own_names = 2;
    for (column, names) in &rows {
        names.iter().skip(own_names).for_each(|name| drop(known.by_name.insert(name.clone(), column.clone())));
    }
    for (column, names) in rows {
        for name in names.into_iter().take(own_names) {
            known.by_name.insert(name, column.clone());
        }
        known.by_name.insert(column.clear.id.clone(), column.clone());
        known.by_id.insert(*column.id.as_bytes(), column.clone());
        if let Some(view) = column.view {
            known.by_view.insert(view.to_u32(), column.relation);
        }
        tables.entry(column.relation.to_u32()).or_default().push(column);
    }
    known.by_relation = tables.into_iter().map(|(relation, columns)| (relation, Rc::new(columns))).collect();
    Ok(known)
}

/// Changes whenever the registry does: for what others keep that stands on it.
pub fn generation() -> Result<u64> {
    with(|known| known.generation)
}

/// Whether any column is encrypted: what every DDL statement asks first.
pub fn is_empty() -> Result<bool> {
    if !is_installed() {
        return Ok(true);
    }
    with(|known| known.by_id.is_empty())
}

/// The encrypted columns of a table, not of its partitions.
pub fn of(relation: pg_sys::Oid) -> Result<Option<Columns>> {
    with(|known| known.by_relation.get(&relation.to_u32()).cloned())
}

/// The tables that have encrypted columns.
pub fn tables() -> Result<Vec<pg_sys::Oid>> {
    with(|known| known.by_relation.keys().map(|relation| pg_sys::Oid::from_u32(*relation)).collect())
}

/// The encrypted columns of a table or of the one that it is a partition of.
pub fn of_family(relation: pg_sys::Oid) -> Result<Option<Columns>> {
    if let Some(columns) = of(relation)? {
        return Ok(Some(columns));
    }
    if is_empty()? {
        return Ok(None);
    }
    if let Some(root) = with(|known| known.roots.get(&relation.to_u32()).copied())? {
        return of(root);
    }
    for ancestor in spi::as_owner(|| isolation::facts::ancestors(relation))? {
        if let Some(columns) = of(ancestor)? {
            KNOWN.with_borrow_mut(|known| known.roots.insert(relation.to_u32(), ancestor));
            return Ok(Some(columns));
        }
    }
    Ok(None)
}

/// The table that a companion view stands for.
pub fn table_of(view: pg_sys::Oid) -> Result<Option<pg_sys::Oid>> {
    if !is_installed() {
        return Ok(None);
    }
    with(|known| known.by_view.get(&view.to_u32()).copied())
}

pub fn by_id(id: Uuid) -> Result<Option<Rc<Column>>> {
    with(|known| known.by_id.get(id.as_bytes()).cloned())
}

/// The column that a context names: `schema.table.column` as it is called now or was called once, or its registry id.
pub fn named(context: &str) -> Result<Option<Rc<Column>>> {
    with(|known| known.by_name.get(context).cloned())
}
