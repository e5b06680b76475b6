//! What stands on a table when it is protected is held to the rules of what comes later.

use std::ffi::CString;

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, Reader};

use super::approval::{self, Holder};
use super::{foreign_key, is_trusted, reader};
use crate::pg::error::internal;
use crate::pg::{catalog, leak, spi};

/// # Errors
/// 42501 with the name of what reads the rows without approval. The expressions of a table whose owner is trusted are
/// trusted with it; triggers and rules call approved functions always.
pub fn refuse_standing(relation: pg_sys::Oid) -> Result<()> {
    let trusted = catalog::owner(relation).is_some_and(|owner| is_trusted(owner, relation));
    if !trusted {
        expressions(relation)?;
        exclusions(relation)?;
        types(relation)?;
        foreign_key::standing(relation)?;
    }
    triggers(relation, trusted)?;
    rules(relation, trusted)
}

fn expressions(relation: pg_sys::Oid) -> Result<()> {
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT 'i', c.relname::text, i.indexprs::text, i.indpred::text FROM pg_index i \
               JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 \
             UNION ALL SELECT 'c', conname, conbin::text, NULL FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' \
             UNION ALL SELECT CASE a.attgenerated WHEN '' THEN 'd' ELSE 'g' END, a.attname, d.adbin::text, NULL \
               FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
               WHERE d.adrelid = $1 \
             UNION ALL SELECT 'p', polname, polqual::text, polwithcheck::text FROM pg_policy \
               WHERE polrelid = $1 AND NOT starts_with(polname, 'warden_') \
             UNION ALL SELECT 's', stxname, stxexprs::text, NULL FROM pg_statistic_ext WHERE stxrelid = $1 \
             UNION ALL SELECT 'k', c.relname, p.partexprs::text, NULL FROM pg_partitioned_table p \
               JOIN pg_class c ON c.oid = p.partrelid WHERE p.partrelid = $1 \
             ORDER BY 1, 2",
            &[relation.into()],
            |row| Ok((row.need::<String>(1)?, row.need::<String>(2)?, [row.get::<String>(3)?, row.get::<String>(4)?])),
        )
    })?;
    for (kind, name, trees) in found {
        let reader = match kind.as_str() {
            "i" => Reader::Index,
            "c" => Reader::Check,
            "g" => Reader::Generated,
            "p" => Reader::Policy,
            "s" => Reader::Statistics,
            "d" => Reader::Default,
            _ => Reader::PartitionKey,
        };
        let trees =
            trees.into_iter().flatten().map(|tree| CString::new(tree).map_err(internal)).collect::<Result<Vec<_>>>()?;
        let trees = trees.iter().map(CString::as_c_str);
        if reader != Reader::Default && trees.clone().any(leak::leaks) {
            return Err(guard::refuse_standing_reader(&catalog::relation_name(relation), reader, &name));
        }
        approval::trees(&Holder { relation, name: &guard::holder(reader, &name), trusted: false }, trees)?;
    }
    Ok(())
}

/// The defaults of a relation that stands for a protected table, or of the table itself: they run when a row is written.
///
/// # Errors
/// 42501 for one that calls what nobody has approved.
pub fn approve_defaults(relation: pg_sys::Oid, table: pg_sys::Oid) -> Result<()> {
    if catalog::owner(table).is_some_and(|owner| is_trusted(owner, table)) {
        return Ok(());
    }
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT a.attname::text, d.adbin::text FROM pg_attrdef d \
               JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = $1 ORDER BY 1",
            &[relation.into()],
            |row| Ok((row.need::<String>(1)?, row.get::<String>(2)?)),
        )
    })?;
    for (name, default) in found {
        let holder = guard::holder(Reader::Default, &name);
        approval::trees(&Holder { relation: table, name: &holder, trusted: false }, tree(default)?.as_deref())?;
    }
    Ok(())
}

fn exclusions(relation: pg_sys::Oid) -> Result<()> {
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT conname::text, conexclop FROM pg_constraint WHERE conrelid = $1 AND contype = 'x' ORDER BY 1",
            &[relation.into()],
            |row| Ok((row.need::<String>(1)?, row.need::<Vec<pg_sys::Oid>>(2)?)),
        )
    })?;
    for (name, operators) in found {
        if leak::operators_leak(&operators) {
            return Err(guard::refuse_standing_reader(&catalog::relation_name(relation), Reader::Exclusion, &name));
        }
    }
    Ok(())
}

fn types(relation: pg_sys::Oid) -> Result<()> {
    let columns = "SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped";
    for inside in approval::inside(columns, relation)? {
        if inside.is_check && inside.tree.as_deref().is_some_and(leak::domain_check_leaks) {
            let relation = catalog::relation_name(relation);
            return Err(guard::refuse_standing_reader(&relation, Reader::DomainCheck, &inside.name));
        }
        let name = format!("column of type {}", catalog::type_name(inside.kind));
        approval::type_of(&Holder { relation, name: &name, trusted: false }, inside.kind)?;
    }
    Ok(())
}

fn tree(text: Option<String>) -> Result<Option<CString>> {
    text.map(CString::new).transpose().map_err(internal)
}

fn triggers(relation: pg_sys::Oid, trusted: bool) -> Result<()> {
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT tgname::text, tgfoid::oid, tgqual::text FROM pg_trigger \
             WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY 1",
            &[relation.into()],
            |row| Ok((row.need::<String>(1)?, row.need::<pg_sys::Oid>(2)?, row.get::<String>(3)?)),
        )
    })?;
    for (name, function, condition) in found {
        reader::trigger_content(relation, &name, function, tree(condition)?.as_deref(), trusted)?;
    }
    Ok(())
}

fn rules(relation: pg_sys::Oid, trusted: bool) -> Result<()> {
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT rulename::text, ev_qual::text, ev_action::text FROM pg_rewrite WHERE ev_class = $1 ORDER BY 1",
            &[relation.into()],
            |row| Ok((row.need::<String>(1)?, row.get::<String>(2)?, row.get::<String>(3)?)),
        )
    })?;
    for (name, qualification, action) in found {
        let (qualification, action) = (tree(qualification)?, tree(action)?);
        reader::rule_content(relation, &name, qualification.as_deref(), action.as_deref(), trusted)?;
    }
    Ok(())
}
