//! Statements about whole databases.

use std::ffi::{CStr, c_char};

use pgrx::{PgList, pg_sys};

use super::utility::Statement;
use super::{catalog, role, tuple, worker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Before: the statement fails while anybody is connected to the database.
    NeedsEmpty(u32),
    /// After: the database may have got the extension.
    Made(u32),
}

/// `None` also where the caller may not do it anyway, so that nobody sends a worker away by trying.
pub fn command(statement: &Statement) -> Option<Command> {
    use pg_sys::NodeTag::*;
    let node = statement.node();
    // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
    let name = unsafe {
        match statement.tag() {
            T_DropdbStmt => (*node.cast::<pg_sys::DropdbStmt>()).dbname,
            T_RenameStmt => {
                let rename = &*node.cast::<pg_sys::RenameStmt>();
                if rename.renameType != pg_sys::ObjectType::OBJECT_DATABASE {
                    return None;
                }
                rename.subname
            }
            T_CreatedbStmt => {
                let template = option((*node.cast::<pg_sys::CreatedbStmt>()).options, c"template");
                template.unwrap_or_else(|| c"template1".as_ptr().cast_mut())
            }
            T_AlterDatabaseStmt => {
                let alter = &*node.cast::<pg_sys::AlterDatabaseStmt>();
                option(alter.options, c"tablespace")?;
                alter.dbname
            }
            _ => return None,
        }
    };
    // SAFETY: a name of the tree.
    let database = unsafe { named(name) }?;
    let (owner, is_template) = tuple::row(tuple::DATABASE, &[database], tuple::Sees::Before, |row| {
        Ok((row.oid(c"datdba")?, row.bool(c"datistemplate")?))
    })
    .ok()??;
    let is_copy = statement.tag() == T_CreatedbStmt;
    let may = role::has_rights_of(role::current(), owner) || is_copy && is_template;
    may.then_some(Command::NeedsEmpty(database))
}

pub fn command_done(statement: &Statement) -> Option<Command> {
    use pg_sys::NodeTag::*;
    let node = statement.node();
    // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
    unsafe {
        match statement.tag() {
            T_CreatedbStmt => named((*node.cast::<pg_sys::CreatedbStmt>()).dbname).map(Command::Made),
            T_CreateExtensionStmt if catalog::has_extension() => Some(Command::Made(worker::own_database())),
            _ => None,
        }
    }
}

/// The text of an option of a statement.
///
/// # Safety
/// `options` is a valid list of DefElem.
unsafe fn option(options: *mut pg_sys::List, name: &CStr) -> Option<*mut c_char> {
    // SAFETY: by the caller's promise; defGetString gives a C string or PostgreSQL's own error.
    unsafe {
        let options = PgList::<pg_sys::DefElem>::from_pg(options);
        let found =
            options.iter_ptr().find(|option| CStr::from_ptr((**option).defname) == name && !(**option).arg.is_null());
        found.map(|option| pg_sys::defGetString(option))
    }
}

/// # Safety
/// `name` is null or a C string.
unsafe fn named(name: *const c_char) -> Option<u32> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise; missing_ok, so that an unknown name is PostgreSQL's own error later.
    let oid = unsafe { pg_sys::get_database_oid(name, true) };
    (oid != pg_sys::Oid::INVALID).then(|| oid.to_u32())
}
