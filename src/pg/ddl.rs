//! DDL as the guard sees it: parse trees turned into values, names into the OIDs that they name under a lock.

use std::ffi::{CStr, c_char};

use pgrx::{PgList, pg_sys};
use warden_core::isolation::guard::AlterPart;

use super::utility::Statement;
use super::{leak, role};

/// A statement that the guard judges before it runs, or looks at after it ran.
#[derive(Debug)]
pub enum Command {
    AlterTable(AlterTable),
    /// ALTER TYPE … ALTER ATTRIBUTE, DROP ATTRIBUTE: typed tables follow.
    AlterCompositeType {
        of: pg_sys::Oid,
    },
    Truncate(Vec<pg_sys::Oid>),
    AlterDomain {
        domain: Option<pg_sys::Oid>,
    },
    SetSchema {
        relation: Option<pg_sys::Oid>,
    },
    Publication {
        name: String,
    },
    DropExtension(Vec<String>),
    Other,
}

/// ALTER TABLE of a relation that is locked as the statement itself locks it, so that the name stays its name.
#[derive(Debug)]
pub struct AlterTable {
    pub relation: pg_sys::Oid,
    pub parts: Vec<(AlterPart, TypeChange)>,
    /// SET UNLOGGED.
    pub has_unlogging: bool,
}

/// The raw tree of a part that may change a column's type.
#[derive(Clone, Copy, Debug)]
pub struct TypeChange(*mut pg_sys::AlterTableCmd);

/// Whether [`command`] may say anything else than [`Command::Other`]: asked of every utility statement, so that it
/// looks at the tag alone.
pub fn concerns_guard(statement: &Statement) -> bool {
    use pg_sys::NodeTag::*;
    matches!(
        statement.tag(),
        T_AlterTableStmt
            | T_TruncateStmt
            | T_AlterDomainStmt
            | T_DropStmt
            | T_AlterObjectSchemaStmt
            | T_CreatePublicationStmt
            | T_AlterPublicationStmt
    )
}

/// What is to be looked at before the statement runs.
pub fn command(statement: &Statement) -> Command {
    use pg_sys::NodeTag::*;
    let node = statement.node();
    // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
    unsafe {
        match statement.tag() {
            T_AlterTableStmt => alter(node.cast()),
            T_TruncateStmt => Command::Truncate(truncated(node.cast())),
            T_AlterDomainStmt => {
                let names = (*node.cast::<pg_sys::AlterDomainStmt>()).typeName;
                Command::AlterDomain { domain: type_named(names) }
            }
            T_DropStmt => {
                let drop = &*node.cast::<pg_sys::DropStmt>();
                if drop.removeType != pg_sys::ObjectType::OBJECT_EXTENSION {
                    return Command::Other;
                }
                let names = PgList::<pg_sys::Node>::from_pg(drop.objects);
                Command::DropExtension(names.iter_ptr().map(|name| text(string_value(name))).collect())
            }
            _ => Command::Other,
        }
    }
}

/// The table whose name, owner or columns the statement is about to change, without a lock.
pub fn reshaped(statement: &Statement) -> Option<pg_sys::Oid> {
    use pg_sys::AlterTableType::{AT_AddColumn, AT_ChangeOwner, AT_ColumnDefault, AT_DropColumn};
    use pg_sys::NodeTag::{T_AlterObjectSchemaStmt, T_AlterTableStmt, T_RenameStmt};
    let node = statement.node();
    // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
    unsafe {
        let relation = match statement.tag() {
            T_RenameStmt => (*node.cast::<pg_sys::RenameStmt>()).relation,
            T_AlterObjectSchemaStmt => (*node.cast::<pg_sys::AlterObjectSchemaStmt>()).relation,
            T_AlterTableStmt => {
                let alter = &*node.cast::<pg_sys::AlterTableStmt>();
                let parts = PgList::<pg_sys::AlterTableCmd>::from_pg(alter.cmds);
                let reshaping = [AT_AddColumn, AT_ChangeOwner, AT_ColumnDefault, AT_DropColumn];
                let reshapes = parts.iter_ptr().any(|part| reshaping.contains(&(*part).subtype));
                if reshapes { alter.relation } else { std::ptr::null_mut() }
            }
            _ => return None,
        };
        named(relation)
    }
}

/// The schema that the statement is about to give another name.
pub fn renamed_schema(statement: &Statement) -> Option<pg_sys::Oid> {
    if statement.tag() != pg_sys::NodeTag::T_RenameStmt {
        return None;
    }
    // SAFETY: the cast is to the type that the tag names; the tree is valid during the hook. missing_ok, so that an
    // unknown name is PostgreSQL's own error later.
    let schema = unsafe {
        let rename = &*statement.node().cast::<pg_sys::RenameStmt>();
        if rename.renameType != pg_sys::ObjectType::OBJECT_SCHEMA {
            return None;
        }
        pg_sys::get_namespace_oid(rename.subname, true)
    };
    (schema != pg_sys::Oid::INVALID).then_some(schema)
}

/// What is to be looked at after it ran.
pub fn command_done(statement: &Statement) -> Command {
    use pg_sys::NodeTag::*;
    let node = statement.node();
    // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
    unsafe {
        match statement.tag() {
            T_AlterObjectSchemaStmt => {
                let moved = &*node.cast::<pg_sys::AlterObjectSchemaStmt>();
                Command::SetSchema { relation: moved_relation(moved) }
            }
            T_CreatePublicationStmt => {
                Command::Publication { name: text((*node.cast::<pg_sys::CreatePublicationStmt>()).pubname) }
            }
            T_AlterPublicationStmt => {
                Command::Publication { name: text((*node.cast::<pg_sys::AlterPublicationStmt>()).pubname) }
            }
            _ => Command::Other,
        }
    }
}

/// The relation under its new name.
///
/// # Safety
/// `moved` is valid.
unsafe fn moved_relation(moved: &pg_sys::AlterObjectSchemaStmt) -> Option<pg_sys::Oid> {
    if moved.relation.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise; catalog look-ups inside a transaction.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(moved.newschema, true);
        pg_sys::get_relname_relid((*moved.relation).relname, schema)
    };
    (oid != pg_sys::Oid::INVALID).then_some(oid)
}

/// # Safety
/// `statement` is a valid AlterTableStmt.
unsafe fn alter(statement: *mut pg_sys::AlterTableStmt) -> Command {
    // SAFETY: by the caller's promise. The look-up is the one that the statement does itself: same lock, same check
    // of the caller's rights before it, same errors.
    unsafe {
        let kind = (*statement).objtype;
        if kind != pg_sys::ObjectType::OBJECT_TABLE && kind != pg_sys::ObjectType::OBJECT_TYPE {
            return Command::Other;
        }
        let level = pg_sys::AlterTableGetLockLevel((*statement).cmds);
        let relation = pg_sys::AlterTableLookupRelation(statement, level);
        if relation == pg_sys::Oid::INVALID {
            return Command::Other;
        }
        if kind == pg_sys::ObjectType::OBJECT_TYPE {
            return Command::AlterCompositeType { of: pg_sys::get_rel_type_id(relation) };
        }
        let commands = PgList::<pg_sys::AlterTableCmd>::from_pg((*statement).cmds);
        let parts = commands.iter_ptr().map(|part| (alter_part(&*part), TypeChange(part))).collect();
        let has_unlogging = commands.iter_ptr().any(|part| (*part).subtype == pg_sys::AlterTableType::AT_SetUnLogged);
        Command::AlterTable(AlterTable { relation, parts, has_unlogging })
    }
}

/// # Safety
/// `part` is valid.
unsafe fn alter_part(part: &pg_sys::AlterTableCmd) -> AlterPart {
    use pg_sys::AlterTableType as Part;
    // SAFETY: by the caller's promise.
    let name = unsafe { text(part.name) };
    match part.subtype {
        Part::AT_DisableRowSecurity => AlterPart::DisableRowSecurity,
        Part::AT_NoForceRowSecurity => AlterPart::NoForceRowSecurity,
        Part::AT_DropColumn => AlterPart::DropColumn(name),
        Part::AT_DropNotNull => AlterPart::DropNotNull(name),
        Part::AT_ColumnDefault if part.def.is_null() => AlterPart::DropDefault(name),
        Part::AT_ColumnDefault => AlterPart::SetDefault(name),
        Part::AT_AlterColumnType => AlterPart::RetypeColumn(name),
        Part::AT_DetachPartition => AlterPart::DetachPartition,
        _ => AlterPart::Other,
    }
}

impl TypeChange {
    /// Whether the statement says how the new values are made.
    pub fn has_using(self) -> bool {
        // SAFETY: the tree is valid during the hook; the part that changes a type has a ColumnDef.
        unsafe { (*self.0).def.cast::<pg_sys::ColumnDef>().as_ref() }.is_some_and(|def| !def.raw_default.is_null())
    }

    /// The type that the column has and the one that it gets, without their domains.
    pub fn types(self, relation: pg_sys::Oid) -> Option<(pg_sys::Oid, pg_sys::Oid)> {
        // SAFETY: the tree is valid during the hook; catalog look-ups inside a transaction. An unknown type is
        // PostgreSQL's own error.
        unsafe {
            let definition = (*self.0).def.cast::<pg_sys::ColumnDef>().as_ref()?;
            let number = pg_sys::get_attnum(relation, (*self.0).name);
            if number <= 0 {
                return None;
            }
            let target = pg_sys::typenameTypeId(std::ptr::null_mut(), definition.typeName);
            Some((pg_sys::getBaseType(pg_sys::get_atttype(relation, number)), pg_sys::getBaseType(target)))
        }
    }

    /// Whether the conversion of the rows would tell their values: the statement's own analysis, on a copy.
    pub fn leaks(self, relation: pg_sys::Oid, query: *const c_char) -> bool {
        // SAFETY: the tree is valid during the hook, and the relation locked by the caller's look-up.
        unsafe {
            let part = &*self.0;
            let Some(definition) = part.def.cast::<pg_sys::ColumnDef>().as_ref() else { return false };
            let number = pg_sys::get_attnum(relation, part.name);
            if number <= 0 {
                return false;
            }
            let state = pg_sys::make_parsestate(std::ptr::null_mut());
            (*state).p_sourcetext = query;
            let table = pg_sys::table_open(relation, pg_sys::NoLock as i32);
            let (mut target, mut modifier) = (pg_sys::Oid::INVALID, -1);
            pg_sys::typenameTypeIdAndMod(state, definition.typeName, &mut target, &mut modifier);
            let value = if definition.raw_default.is_null() {
                let (mut kind, mut typmod, mut collation) = (pg_sys::Oid::INVALID, -1, pg_sys::Oid::INVALID);
                pg_sys::get_atttypetypmodcoll(relation, number, &mut kind, &mut typmod, &mut collation);
                pg_sys::makeVar(1, number, kind, typmod, collation, 0).cast()
            } else {
                let item = pg_sys::addRangeTableEntryForRelation(
                    state,
                    table,
                    pg_sys::AccessShareLock as i32,
                    std::ptr::null_mut(),
                    false,
                    true,
                );
                pg_sys::addNSItemToQuery(state, item, false, true, true);
                let raw = pg_sys::copyObjectImpl(definition.raw_default.cast()).cast();
                pg_sys::transformExpr(state, raw, pg_sys::ParseExprKind::EXPR_KIND_ALTER_COL_TRANSFORM)
            };
            let value = pg_sys::coerce_to_target_type(
                state,
                value,
                pg_sys::exprType(value),
                target,
                modifier,
                pg_sys::CoercionContext::COERCION_ASSIGNMENT,
                pg_sys::CoercionForm::COERCE_IMPLICIT_CAST,
                -1,
            );
            // No such cast is null here, and PostgreSQL's own error later.
            let leaks = leak::leaks_vars(value);
            pg_sys::table_close(table, pg_sys::NoLock as i32);
            pg_sys::free_parsestate(state);
            leaks
        }
    }
}

/// # Safety
/// `statement` is a valid TruncateStmt.
unsafe fn truncated(statement: *mut pg_sys::TruncateStmt) -> Vec<pg_sys::Oid> {
    // SAFETY: by the caller's promise. Without a lock: nobody may lock what they may not truncate, and the trigger on
    // the table stands behind this look.
    unsafe {
        let relations = PgList::<pg_sys::RangeVar>::from_pg((*statement).relations);
        relations.iter_ptr().filter_map(|relation| named(relation)).collect()
    }
}

/// # Safety
/// `relation` is null or a valid RangeVar.
unsafe fn named(relation: *mut pg_sys::RangeVar) -> Option<pg_sys::Oid> {
    if relation.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise.
    unsafe { super::utility::relation_oid(relation) }
}

/// # Safety
/// `names` is a valid list of strings, a type's name.
unsafe fn type_named(names: *mut pg_sys::List) -> Option<pg_sys::Oid> {
    // SAFETY: by the caller's promise; missing_ok, so that an unknown name is PostgreSQL's own error later.
    unsafe {
        let name = pg_sys::makeTypeNameFromNameList(names);
        let oid = pg_sys::LookupTypeNameOid(std::ptr::null_mut(), name, true);
        (oid != pg_sys::Oid::INVALID).then_some(oid)
    }
}

/// # Safety
/// `node` is a valid String node.
unsafe fn string_value(node: *mut pg_sys::Node) -> *const c_char {
    // SAFETY: by the caller's promise.
    unsafe { (*node.cast::<pg_sys::String>()).sval }
}

/// # Safety
/// `value` is null or a C string.
unsafe fn text(value: *const c_char) -> String {
    if value.is_null() {
        return String::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned()
}

/// The roles that a statement about roles touches, by name.
#[derive(Debug, Default)]
pub struct RoleCommand {
    /// Whose name, attributes or existence changes.
    pub touched: Vec<String>,
    /// Who gets members, or loses them.
    pub granted: Vec<String>,
}

/// `None`: no statement about roles.
pub fn role_command(statement: &Statement) -> Option<RoleCommand> {
    use pg_sys::NodeTag::*;
    let node = statement.node();
    // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
    unsafe {
        let mut granted = Vec::new();
        let touched = match statement.tag() {
            T_GrantRoleStmt => {
                let roles =
                    PgList::<pg_sys::AccessPriv>::from_pg((*node.cast::<pg_sys::GrantRoleStmt>()).granted_roles);
                granted.extend(roles.iter_ptr().map(|role| text((*role).priv_name)));
                Vec::new()
            }
            T_CreateRoleStmt => {
                let create = &*node.cast::<pg_sys::CreateRoleStmt>();
                let options = PgList::<pg_sys::DefElem>::from_pg(create.options);
                for option in options.iter_ptr() {
                    if text((*option).defname) == "addroleto" {
                        granted.extend(specified((*option).arg.cast()));
                    }
                }
                vec![text(create.role)]
            }
            T_AlterRoleStmt => {
                let alter = &*node.cast::<pg_sys::AlterRoleStmt>();
                let options = PgList::<pg_sys::DefElem>::from_pg(alter.options);
                // ALTER GROUP … ADD USER, DROP USER.
                if options.iter_ptr().any(|option| text((*option).defname) == "rolemembers") {
                    granted.push(role_name(alter.role));
                }
                vec![role_name(alter.role)]
            }
            T_AlterRoleSetStmt => vec![role_name((*node.cast::<pg_sys::AlterRoleSetStmt>()).role)],
            T_DropRoleStmt => specified((*node.cast::<pg_sys::DropRoleStmt>()).roles),
            T_RenameStmt => {
                let rename = &*node.cast::<pg_sys::RenameStmt>();
                if rename.renameType != pg_sys::ObjectType::OBJECT_ROLE {
                    return None;
                }
                vec![text(rename.subname), text(rename.newname)]
            }
            _ => return None,
        };
        Some(RoleCommand { touched, granted })
    }
}

/// # Safety
/// `roles` is a valid list of RoleSpec.
unsafe fn specified(roles: *mut pg_sys::List) -> Vec<String> {
    // SAFETY: by the caller's promise.
    unsafe { PgList::<pg_sys::RoleSpec>::from_pg(roles).iter_ptr().map(|role| role_name(role)).collect() }
}

/// # Safety
/// `role` is null (ALTER ROLE ALL) or a valid RoleSpec.
unsafe fn role_name(spec: *mut pg_sys::RoleSpec) -> String {
    // SAFETY: by the caller's promise.
    unsafe {
        let Some(spec) = spec.as_ref() else { return String::new() };
        match spec.roletype {
            pg_sys::RoleSpecType::ROLESPEC_CSTRING => text(spec.rolename),
            pg_sys::RoleSpecType::ROLESPEC_SESSION_USER => role::name(role::session()),
            pg_sys::RoleSpecType::ROLESPEC_PUBLIC => String::new(),
            _ => role::name(role::current()),
        }
    }
}
