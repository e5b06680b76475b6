//! Writing to a companion view: the same on the table below, with the caller's rights and policies.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys::{Datum, Oid};
use warden_core::encryption::RowKey;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{Name, quote};

use super::registry::{self, Column, Columns};
use super::row::{self, Seen};
use crate::identity::{run, standing};
use crate::pg::call::Call;
use crate::pg::error::internal;
use crate::pg::plan::{Argument, Plan, Session};
use crate::pg::trigger::{self, Event, RowTrigger, Shape, TriggerRow};
use crate::pg::{catalog, spi, typed};

/// What writing to one view needs, as long as registry and view stay as they are.
struct Target {
    generation: u64,
    relation: Oid,
    columns: Columns,
    /// By the view's column, from 1.
    fields: Vec<Field>,
    plans: RefCell<HashMap<String, Rc<Plan>>>,
}

struct Field {
    name: String,
    /// Of the table's column.
    kind: Oid,
    encrypted: Option<usize>,
    /// What the table fills by itself where nothing is given: identity and generated columns.
    is_made_below: bool,
    /// A generated column: nobody writes it.
    is_generated: bool,
    is_key: bool,
}

thread_local! {
    static TARGETS: RefCell<HashMap<u32, Rc<Target>>> = RefCell::default();
}

/// After DDL over tables with encrypted columns.
pub fn forget_targets() {
    TARGETS.with_borrow_mut(HashMap::clear);
}

fn target(view: Oid, shape: Shape) -> Result<Rc<Target>> {
    let generation = registry::generation()?;
    let known = TARGETS.with_borrow(|targets| targets.get(&view.to_u32()).cloned());
    if let Some(known) = known.filter(|known| known.generation == generation && known.fields.len() == shape.len()) {
        return Ok(known);
    }
    let table = registry::table_of(view)?;
    let Some((relation, columns)) = table.zip(table.map(registry::of).transpose()?.flatten()) else {
        return Err(WardenError::new(SqlState::NotInPrerequisiteState, "the view is not a companion view"));
    };
    let key_columns = columns.first().map(|column| column.key_columns.clone()).unwrap_or_default();
    let fields = spi::as_owner(|| {
        spi::read(
            "SELECT a.attname::text, a.atttypid, a.attidentity <> '' OR a.attgenerated <> '', a.attgenerated <> '' \
             FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            &[relation.into()],
            |row| {
                let name: String = row.need(1)?;
                Ok(Field {
                    encrypted: columns.iter().position(|column| column.name == name),
                    is_key: key_columns.contains(&name),
                    name,
                    kind: row.need(2)?,
                    is_made_below: row.need(3)?,
                    is_generated: row.need(4)?,
                })
            },
        )
    })?;
    let in_step = fields.len() == shape.len()
        && fields.iter().zip(1..).all(|(field, number)| shape.name(number).to_bytes() == field.name.as_bytes());
    if !in_step {
        return Err(WardenError::new(
            SqlState::NotInPrerequisiteState,
            "the companion view is not in step with its table",
        ));
    }
    let made = Rc::new(Target { generation, relation, columns, fields, plans: RefCell::default() });
    TARGETS.with_borrow_mut(|targets| targets.insert(view.to_u32(), made.clone()));
    Ok(made)
}

/// Instead of INSERT, UPDATE and DELETE on the view: the same on the table, with the caller's rights and policies.
pub fn clear_row(call: Call) -> Result<Option<Datum>> {
    let trigger = RowTrigger::of(call, true)?;
    let target = target(trigger.relation(), trigger.shape())?;
    let done = match (trigger.event(), trigger.row_before(), trigger.row_after()) {
        (Event::Insert, _, Some(new)) => insert(&target, trigger.shape(), new),
        (Event::Update, Some(old), Some(new)) => update(&target, trigger.shape(), old, new),
        (Event::Delete, Some(old), _) => delete(&target, trigger.shape(), old),
        _ => Err(internal("a trigger without a row")),
    };
    done.map(|row| Some(row.map_or_else(trigger::skip, TriggerRow::datum)))
}

/// Plans of one view before they start anew: each set of columns that are updated together has one.
const MOST_PLANS: usize = 64;

/// A statement in the making: its parameters in the order of their numbers.
#[derive(Default)]
struct Statement {
    kinds: Vec<Oid>,
    values: Vec<Argument>,
}

impl Statement {
    fn parameter(&mut self, kind: Oid, value: Argument) -> String {
        self.kinds.push(kind);
        self.values.push(value);
        format!("${}", self.kinds.len())
    }

    fn run<'a>(&self, session: &'a Session, target: &Target, text: &str) -> Result<(u64, trigger::Rows<'a>)> {
        let known = target.plans.borrow().get(text).cloned();
        let plan = match known {
            Some(plan) => plan,
            None => {
                let plan = Rc::new(session.prepare(text, &self.kinds)?);
                if target.plans.borrow().len() >= MOST_PLANS {
                    target.plans.borrow_mut().clear();
                }
                target.plans.borrow_mut().insert(text.to_owned(), plan.clone());
                plan
            }
        };
        session.run(&plan, &self.values)
    }
}

impl Target {
    fn table(&self) -> String {
        Name::new(&catalog::schema_name(self.relation), &catalog::bare_name(self.relation)).to_string()
    }

    fn column(&self, field: &Field) -> Option<&Column> {
        field.encrypted.and_then(|at| self.columns.get(at)).map(Rc::as_ref)
    }

    /// The key of a row of the view; `None` while a part of it is not known.
    fn key(&self, shape: Shape, row: TriggerRow) -> Result<Option<RowKey>> {
        let Some(first) = self.columns.first() else { return Ok(None) };
        let mut key = RowKey::default();
        for name in &first.key_columns {
            let number = shape.number(name).ok_or_else(|| internal("a key column that is not there"))?;
            let Some(value) = row.value(number) else { return Ok(None) };
            key.push(&typed::text(value, shape.kind(number))?);
        }
        Ok(Some(key))
    }

    /// What is written to the table for a column of the view.
    fn stored(&self, shape: Shape, number: usize, row: TriggerRow, key: Option<&RowKey>) -> Result<Argument> {
        let Some(value) = row.value(number) else { return Ok(None) };
        let field = &self.fields[number - 1];
        let Some(column) = self.column(field) else { return Ok(Some(value)) };
        let tenant = standing::require()?.tenant();
        let clear = typed::text(value, shape.kind(number))?;
        match key {
            Some(key) => row::seal_for(column, tenant, &clear, key).map(Some),
            // The trigger below knows the whole key and binds the value.
            None => row::seal_unbound(column, tenant, &clear).map(Some),
        }
    }

    /// `RETURNING` of what the table may have made of the plain columns, where somebody asked for it.
    fn returning(&self) -> String {
        let plain: Vec<String> = self.plain().map(|(_, field)| format!("t.{}", quote(&field.name))).collect();
        if run::returns_rows() && !plain.is_empty() {
            format!(" RETURNING {}", plain.join(", "))
        } else {
            String::new()
        }
    }

    fn plain(&self) -> impl Iterator<Item = (usize, &Field)> {
        (1..).zip(&self.fields).filter(|(_, field)| field.encrypted.is_none())
    }

    /// The row as the table has it, in what it returned.
    fn returned(&self, row: TriggerRow, rows: trigger::Rows) -> Result<TriggerRow> {
        let Some(below) = rows.first() else { return Ok(row) };
        let changes: Vec<(usize, Argument)> =
            self.plain().zip(1..).map(|((number, _), at)| (number, below.value(at))).collect();
        Ok(row.with(&changes)?.outliving())
    }

    /// The row of the table, by its key as it was.
    fn by_key(&self, statement: &mut Statement, row: TriggerRow) -> String {
        let conditions: Vec<String> = (1..)
            .zip(&self.fields)
            .filter(|(_, field)| field.is_key)
            .map(|(number, field)| {
                let parameter = statement.parameter(field.kind, row.value(number));
                format!("t.{} OPERATOR(pg_catalog.=) {parameter}", quote(&field.name))
            })
            .collect();
        conditions.join(" AND ")
    }

    /// That nobody has changed the row since the view showed it: a value that was computed from what it was would undo
    /// the other's change.
    fn unchanged(&self, statement: &mut Statement, row: TriggerRow) -> String {
        let (mut columns, mut parameters) = (Vec::new(), Vec::new());
        for (number, field) in self.plain() {
            columns.push(format!("t.{}", quote(&field.name)));
            parameters.push(statement.parameter(field.kind, row.value(number)));
        }
        let mut conditions =
            vec![format!("pg_catalog.record_image_eq(ROW({}), ROW({}))", columns.join(", "), parameters.join(", "))];
        for column in self.columns.iter() {
            conditions.push(column.below().unchanged(&column.name, &column.clear));
        }
        conditions.join(" AND ")
    }

    /// What the view showed of the encrypted columns.
    fn seen(&self, shape: Shape, row: TriggerRow) -> Result<Seen> {
        let mut values = Vec::new();
        for (number, field) in (1..).zip(&self.fields) {
            let Some(column) = self.column(field) else { continue };
            let value = row.value(number).map(|value| typed::text(value, shape.kind(number))).transpose()?;
            values.push((column.id, value.as_deref().map(row::glimpse)));
        }
        Ok(Seen::keep(values))
    }
}

fn insert(target: &Target, shape: Shape, new: TriggerRow) -> Result<Option<TriggerRow>> {
    let key = target.key(shape, new)?;
    let mut statement = Statement::default();
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for (number, field) in (1..).zip(&target.fields) {
        if field.is_made_below && new.value(number).is_none() {
            continue;
        }
        columns.push(quote(&field.name));
        values.push(statement.parameter(field.kind, target.stored(shape, number, new, key.as_ref())?));
    }
    let (table, returning) = (target.table(), target.returning());
    let text = if columns.is_empty() {
        format!("INSERT INTO {table} AS t DEFAULT VALUES{returning}")
    } else {
        format!("INSERT INTO {table} AS t ({}) VALUES ({}){returning}", columns.join(", "), values.join(", "))
    };
    let session = Session::open()?;
    let (touched, rows) = statement.run(&session, target, &text)?;
    if touched == 0 {
        return Ok(None);
    }
    target.returned(new, rows).map(Some)
}

fn update(target: &Target, shape: Shape, old: TriggerRow, new: TriggerRow) -> Result<Option<TriggerRow>> {
    let key = target.key(shape, new)?;
    let mut statement = Statement::default();
    let mut changes = Vec::new();
    for (number, field) in (1..).zip(&target.fields) {
        let is_same = shape.same(number, old.value(number), new.value(number));
        if is_same || field.is_generated && new.value(number).is_none() {
            continue;
        }
        let value = target.stored(shape, number, new, key.as_ref())?;
        changes.push(format!("{} = {}", quote(&field.name), statement.parameter(field.kind, value)));
    }
    if changes.is_empty() {
        // The same row again, as UPDATE … SET a = a is: triggers fire, the policies decide.
        let Some(first) = target.fields.iter().find(|field| !field.is_made_below) else { return Ok(None) };
        changes.push(format!("{0} = t.{0}", quote(&first.name)));
    }
    let by_key = target.by_key(&mut statement, old);
    let unchanged = target.unchanged(&mut statement, old);
    let text = format!(
        "UPDATE {} AS t SET {} WHERE {by_key} AND {unchanged}{}",
        target.table(),
        changes.join(", "),
        target.returning()
    );
    let session = Session::open()?;
    let seen = target.seen(shape, old)?;
    let (touched, rows) = statement.run(&session, target, &text)?;
    drop(seen);
    if touched > 0 {
        return target.returned(new, rows).map(Some);
    }
    missed(&session, target, shape, old, true)
}

fn delete(target: &Target, shape: Shape, old: TriggerRow) -> Result<Option<TriggerRow>> {
    let mut statement = Statement::default();
    let by_key = target.by_key(&mut statement, old);
    let unchanged = target.unchanged(&mut statement, old);
    let text = format!("DELETE FROM {} AS t WHERE {by_key} AND {unchanged}", target.table());
    let session = Session::open()?;
    let seen = target.seen(shape, old)?;
    let (touched, _) = statement.run(&session, target, &text)?;
    drop(seen);
    if touched > 0 {
        return Ok(Some(old));
    }
    missed(&session, target, shape, old, false)
}

/// Why a row that the view showed was not touched: it has changed since, it has gone, or a policy hides it from the
/// command.
fn missed(
    session: &Session,
    target: &Target,
    shape: Shape,
    old: TriggerRow,
    needs_row: bool,
) -> Result<Option<TriggerRow>> {
    let mut statement = Statement::default();
    let by_key = target.by_key(&mut statement, old);
    let unchanged = target.unchanged(&mut statement, old);
    let text = format!("SELECT t.xmin, ({unchanged}) FROM {} AS t WHERE {by_key}", target.table());
    let seen = target.seen(shape, old)?;
    let (_, rows) = statement.run(session, target, &text)?;
    drop(seen);
    let Some(row) = rows.first() else {
        return if needs_row { Err(changed()) } else { Ok(None) };
    };
    let is_own = row.value(1).is_some_and(|xmin| trigger::is_own(xmin.value() as u32));
    let is_unchanged = row.value(2).is_some_and(|unchanged| unchanged.value() as u8 != 0);
    if is_own || is_unchanged { Ok(None) } else { Err(changed()) }
}

fn changed() -> WardenError {
    WardenError::new(SqlState::SerializationFailure, "could not serialize access due to concurrent update")
        .detail("The row was changed after this statement had read it through the view.")
        .hint("Try the transaction again.")
}
