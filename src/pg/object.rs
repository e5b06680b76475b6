//! Object accesses: what has just been created or altered, and what is about to be dropped or executed.

use pgrx::pg_sys;

use super::error::answer;
use super::hooks::{dispatch, guarded};

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Created,
    Altered,
    /// Before it is gone.
    Dropping,
    /// A function is about to be set up for execution.
    Executing,
}

/// One access; `class` is the catalog's OID, `part` a column's number or 0.
#[derive(Clone, Copy, Debug)]
pub struct ObjectEvent {
    pub access: Access,
    pub class: pg_sys::Oid,
    pub object: pg_sys::Oid,
    pub part: i32,
    /// What else an alteration is about: of an inheritance, the parent.
    pub other: Option<pg_sys::Oid>,
}

static mut PREVIOUS: pg_sys::object_access_hook_type = None;

pub(super) fn install() {
    // SAFETY: called once from _PG_init, before any backend is forked.
    unsafe {
        PREVIOUS = pg_sys::object_access_hook;
        pg_sys::object_access_hook = Some(accessed);
    }
}

unsafe extern "C-unwind" fn accessed(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    part: i32,
    arg: *mut std::ffi::c_void,
) {
    use pg_sys::ObjectAccessType::*;
    // SAFETY: the previous hook gets the arguments that we were given; this frame holds nothing to drop.
    unsafe {
        if let Some(previous) = PREVIOUS {
            previous(access, class, object, part, arg);
        }
    }
    let access = match access {
        OAT_POST_CREATE => Access::Created,
        OAT_POST_ALTER => Access::Altered,
        OAT_DROP => Access::Dropping,
        OAT_FUNCTION_EXECUTE => Access::Executing,
        _ => return,
    };
    let other = (access == Access::Altered && !arg.is_null()).then(|| {
        // SAFETY: OAT_POST_ALTER comes with this struct.
        unsafe { (*arg.cast::<pg_sys::ObjectAccessPostAlter>()).auxiliary_id }
    });
    // SAFETY: this frame holds nothing to drop.
    unsafe { guarded(|| answer((dispatch().object)(&ObjectEvent { access, class, object, part, other }))) };
}

/// The schema that an object lies in, if its kind lies in one.
pub fn schema_of(class: pg_sys::Oid, object: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let address = pg_sys::ObjectAddress { classId: class, objectId: object, objectSubId: 0 };
    if !HAS_SCHEMA.contains(&class) {
        return None;
    }
    // SAFETY: a catalog look-up; the kinds of HAS_SCHEMA are among those that the function knows.
    let schema = unsafe {
        match class {
            pg_sys::RelationRelationId => pg_sys::get_rel_namespace(object),
            pg_sys::ProcedureRelationId => pg_sys::get_func_namespace(object),
            _ => pg_sys::get_object_namespace(&address),
        }
    };
    (schema != pg_sys::Oid::INVALID).then_some(schema)
}

const HAS_SCHEMA: [pg_sys::Oid; 10] = [
    pg_sys::RelationRelationId,
    pg_sys::ProcedureRelationId,
    pg_sys::TypeRelationId,
    pg_sys::OperatorRelationId,
    pg_sys::OperatorClassRelationId,
    pg_sys::OperatorFamilyRelationId,
    pg_sys::CollationRelationId,
    // pg_conversion, pg_ts_dict, pg_ts_config: their headers are not among the bindings.
    pg_sys::Oid::from_u32(2607),
    pg_sys::Oid::from_u32(3600),
    pg_sys::Oid::from_u32(3602),
];
