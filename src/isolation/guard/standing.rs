//! What stands on a table when it is protected is held to the rules of what comes later.

use std::ffi::CString;

use pgrx::pg_sys;
use warden_core::error::Result;
use warden_core::isolation::guard::{self, Reader};

use super::{is_trusted, reader};
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
        domains(relation)?;
    }
    triggers(relation)?;
    rules(relation, trusted)
}

fn expressions(relation: pg_sys::Oid) -> Result<()> {
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT 'i', c.relname::text, i.indexprs::text, i.indpred::text FROM pg_index i \
               JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 \
             UNION ALL SELECT 'c', conname, conbin::text, NULL FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' \
             UNION ALL SELECT 'g', a.attname, d.adbin::text, NULL FROM pg_attrdef d \
               JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
               WHERE d.adrelid = $1 AND a.attgenerated <> '' \
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
            _ => Reader::PartitionKey,
        };
        for tree in trees.into_iter().flatten() {
            if leak::leaks(&CString::new(tree).map_err(internal)?) {
                return Err(guard::refuse_standing_reader(&catalog::relation_name(relation), reader, &name));
            }
        }
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

fn domains(relation: pg_sys::Oid) -> Result<()> {
    let found = domain_checks(
        "SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped",
        relation,
    )?;
    for (_, name, tree) in found {
        let Some(tree) = tree else { continue };
        if leak::domain_check_leaks(&CString::new(tree).map_err(internal)?) {
            return Err(guard::refuse_standing_reader(&catalog::relation_name(relation), Reader::DomainCheck, &name));
        }
    }
    Ok(())
}

/// The domains that a value of a type passes through, the type itself among them if it is one.
pub fn domains_of_type(kind: pg_sys::Oid) -> Result<Vec<pg_sys::Oid>> {
    let mut domains: Vec<_> = domain_checks("SELECT $1", kind)?.into_iter().map(|(domain, _, _)| domain).collect();
    domains.dedup();
    Ok(domains)
}

/// Domains inside of the types that `start` gives, through arrays, ranges and composite types, and their checks.
fn domain_checks(start: &str, argument: pg_sys::Oid) -> Result<Vec<(pg_sys::Oid, String, Option<String>)>> {
    let query = format!(
        "WITH RECURSIVE inside(t) AS ( \
           ({start}) UNION SELECT n.oid FROM inside u, LATERAL ( \
             SELECT unnest(ARRAY[y.typbasetype, y.typelem]) FROM pg_type y WHERE y.oid = u.t \
             UNION ALL SELECT a.atttypid FROM pg_type y JOIN pg_attribute a ON a.attrelid = y.typrelid \
               WHERE y.oid = u.t AND y.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped \
             UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = u.t) n(oid) WHERE n.oid <> 0) \
         SELECT c.contypid, c.conname::text, c.conbin::text FROM inside i JOIN pg_constraint c ON c.contypid = i.t \
         WHERE c.contypid <> 0 ORDER BY 1, 2"
    );
    spi::as_owner(|| spi::read(&query, &[argument.into()], |row| Ok((row.need(1)?, row.need(2)?, row.get(3)?))))
}

fn triggers(relation: pg_sys::Oid) -> Result<()> {
    let found = spi::as_owner(|| {
        spi::rows(
            "SELECT tgname::text, tgfoid::oid FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY 1",
            &[relation.into()],
            |row| Ok((row.need::<String>(1)?, row.need::<pg_sys::Oid>(2)?)),
        )
    })?;
    found.iter().try_for_each(|(name, function)| reader::approved(relation, &format!("trigger \"{name}\""), *function))
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
        let tree = |text: Option<String>| text.map(CString::new).transpose().map_err(internal);
        let (qualification, action) = (tree(qualification)?, tree(action)?);
        reader::rule_content(relation, &name, qualification.as_deref(), action.as_deref(), trusted)?;
    }
    Ok(())
}
