//! Utility statements: everything that is not SELECT, INSERT, UPDATE, DELETE or MERGE.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

use super::error::answer;
use super::hooks::{dispatch, guarded};
use super::role;
use super::xact::{self, SubTransaction};

/// A utility statement, while PostgreSQL passes it to us.
pub struct Statement {
    node: *mut pg_sys::Node,
    text: *const c_char,
    query: pg_sys::ProcessUtilityContext::Type,
}

/// Whether the statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Run,
    /// It has been answered already, or is answered by doing nothing: success without execution.
    Done,
}

/// What the rules of the session need to know of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Prepare {
        name: String,
    },
    /// `None`: all.
    Deallocate {
        name: Option<String>,
    },
    Listen,
    DeclareCursor {
        with_hold: bool,
    },
    /// CREATE TABLE, CREATE TABLE AS, SELECT INTO.
    CreateTable {
        on_commit_drop: bool,
    },
    /// `None`: RESET ALL, DISCARD.
    Set {
        name: Option<String>,
    },
    Copy {
        relation: Option<pg_sys::Oid>,
    },
    DiscardTemporary,
    DiscardAll,
    /// ALTER ROLE of any form.
    AlterRole,
    /// Of any form, domains included.
    CreateType,
    CreateFunction,
    /// FETCH or MOVE; `held`: of rows that an earlier transaction has left in a cursor WITH HOLD.
    Fetch {
        held: bool,
    },
    Other,
}

impl Statement {
    pub fn node(&self) -> *mut pg_sys::Node {
        self.node
    }

    /// The query string that the statement is a part of.
    pub fn text(&self) -> *const c_char {
        self.text
    }

    pub fn is_subcommand(&self) -> bool {
        self.query == pg_sys::ProcessUtilityContext::PROCESS_UTILITY_SUBCOMMAND
    }

    pub fn tag(&self) -> pg_sys::NodeTag {
        // SAFETY: a node begins with its tag.
        unsafe { (*self.node).type_ }
    }

    pub fn kind(&self) -> Kind {
        use pg_sys::NodeTag::*;
        // SAFETY: each cast is to the type that the tag names; the tree is valid during the hook.
        unsafe {
            match self.tag() {
                T_PrepareStmt => Kind::Prepare { name: text((*self.node.cast::<pg_sys::PrepareStmt>()).name) },
                T_DeallocateStmt => {
                    let name = (*self.node.cast::<pg_sys::DeallocateStmt>()).name;
                    Kind::Deallocate { name: (!name.is_null()).then(|| text(name)) }
                }
                T_ListenStmt => Kind::Listen,
                T_AlterRoleStmt | T_AlterRoleSetStmt => Kind::AlterRole,
                T_CreateDomainStmt | T_CompositeTypeStmt | T_CreateEnumStmt | T_CreateRangeStmt | T_DefineStmt => {
                    Kind::CreateType
                }
                T_CreateFunctionStmt => Kind::CreateFunction,
                T_FetchStmt => Kind::Fetch { held: is_held((*self.node.cast::<pg_sys::FetchStmt>()).portalname) },
                T_DeclareCursorStmt => {
                    let options = (*self.node.cast::<pg_sys::DeclareCursorStmt>()).options;
                    Kind::DeclareCursor { with_hold: options & pg_sys::CURSOR_OPT_HOLD as i32 != 0 }
                }
                T_CreateStmt => {
                    let on_commit = (*self.node.cast::<pg_sys::CreateStmt>()).oncommit;
                    Kind::CreateTable { on_commit_drop: on_commit == pg_sys::OnCommitAction::ONCOMMIT_DROP }
                }
                T_CreateTableAsStmt => {
                    let into = (*self.node.cast::<pg_sys::CreateTableAsStmt>()).into;
                    let on_commit_drop = !into.is_null() && (*into).onCommit == pg_sys::OnCommitAction::ONCOMMIT_DROP;
                    Kind::CreateTable { on_commit_drop }
                }
                T_VariableSetStmt => {
                    let name = (*self.node.cast::<pg_sys::VariableSetStmt>()).name;
                    Kind::Set { name: (!name.is_null()).then(|| text(name)) }
                }
                T_DiscardStmt => {
                    let target = (*self.node.cast::<pg_sys::DiscardStmt>()).target;
                    match target {
                        pg_sys::DiscardMode::DISCARD_TEMP => Kind::DiscardTemporary,
                        pg_sys::DiscardMode::DISCARD_ALL => Kind::DiscardAll,
                        _ => Kind::Other,
                    }
                }
                T_CopyStmt => {
                    let relation = (*self.node.cast::<pg_sys::CopyStmt>()).relation;
                    Kind::Copy { relation: (!relation.is_null()).then(|| relation_oid(relation)).flatten() }
                }
                _ => Kind::Other,
            }
        }
    }
}

/// InvalidSubTransactionId, a macro that the bindings leave out.
const NO_SUBTRANSACTION: pg_sys::SubTransactionId = 0;

/// Whether an open cursor was left by an earlier transaction.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn is_held(name: *const c_char) -> bool {
    if name.is_null() {
        return false;
    }
    // SAFETY: by the caller's promise; a look-up in this backend's table of portals.
    unsafe {
        let portal = pg_sys::GetPortalByName(name);
        !portal.is_null() && (*portal).createSubid == NO_SUBTRANSACTION
    }
}

/// The relation that a RangeVar names now, without a lock.
///
/// # Safety
/// `relation` is a valid RangeVar.
pub(super) unsafe fn relation_oid(relation: *mut pg_sys::RangeVar) -> Option<pg_sys::Oid> {
    // SAFETY: by the caller's promise; missing_ok, so that an unknown name is PostgreSQL's own error later.
    let oid = unsafe {
        pg_sys::RangeVarGetRelidExtended(
            relation,
            pg_sys::NoLock as pg_sys::LOCKMODE,
            pg_sys::RVROption::RVR_MISSING_OK,
            None,
            std::ptr::null_mut(),
        )
    };
    (oid != pg_sys::Oid::INVALID).then_some(oid)
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

/// Drops a statement that SQL's PREPARE made, if it still stands.
pub fn drop_prepared(name: &str) {
    let Ok(name) = std::ffi::CString::new(name) else { return };
    // SAFETY: a look-up in this backend's table of prepared statements; dropping one that stands raises nothing.
    unsafe {
        let statement = pg_sys::FetchPreparedStatement(name.as_ptr(), false);
        if !statement.is_null() && (*statement).from_sql {
            pg_sys::DropPreparedStatement(name.as_ptr(), false);
        }
    }
}

#[derive(Clone, Copy)]
struct Running {
    user: pg_sys::Oid,
    tag: pg_sys::NodeTag,
    command: pg_sys::CommandTag::Type,
    savepoint: SubTransaction,
}

thread_local! {
    /// The statements that run now, the outermost first: who asked, and for what.
    static RUNNING: RefCell<Vec<Running>> = const { RefCell::new(Vec::new()) };
}

/// Who asked for the utility statement that runs now. Inside of one, PostgreSQL may have become somebody else already:
/// CREATE INDEX becomes the table's owner before it calls any hook.
pub fn caller() -> pg_sys::Oid {
    RUNNING.with_borrow(|running| running.last().map(|running| running.user)).unwrap_or_else(role::current)
}

/// Whether the statement that runs now rebuilds what stands already.
pub fn is_rebuilding() -> bool {
    RUNNING.with_borrow(|running| running.last().is_some_and(|running| running.tag == pg_sys::NodeTag::T_ReindexStmt))
}

/// What the utility statement that runs now is called: `ALTER TABLE`. Empty outside of any.
pub fn running_command() -> String {
    let Some(command) = RUNNING.with_borrow(|running| running.last().map(|running| running.command)) else {
        return String::new();
    };
    // SAFETY: every tag has a name, which is a C string that stays.
    unsafe { CStr::from_ptr(pg_sys::GetCommandTagName(command)) }.to_string_lossy().into_owned()
}

/// How many statements run now, each within the one before.
pub fn depth() -> usize {
    RUNNING.with_borrow(Vec::len)
}

/// Gives what [`leave`] wants. An ERROR jumps over the frame that would leave: the rolling back of the savepoint that
/// it began in, or the transaction's abort, takes away what it left.
fn enter(statement: &Statement) -> usize {
    // SAFETY: a valid statement, whose tag the function looks at; it raises nothing.
    let command = unsafe { CreateCommandTag(statement.node) };
    let (user, savepoint) = (role::current(), xact::current_subtransaction());
    RUNNING.with_borrow_mut(|running| {
        running.push(Running { user, tag: statement.tag(), command, savepoint });
        running.len() - 1
    })
}

fn leave(depth: usize) {
    RUNNING.with_borrow_mut(|running| running.truncate(depth));
}

/// A savepoint within another has the greater number.
pub fn savepoint_rolled_back(own: SubTransaction) {
    RUNNING.with_borrow_mut(|running| {
        let ended = running.iter().position(|running| running.savepoint >= own);
        running.truncate(ended.unwrap_or(running.len()));
    });
}

pub(super) fn transaction_aborted() {
    leave(0);
}

static mut PREVIOUS: pg_sys::ProcessUtility_hook_type = None;

pub(super) fn install() {
    // SAFETY: called once from _PG_init, before any backend is forked.
    unsafe {
        PREVIOUS = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(process);
    }
}

// The function that the hook replaces, called as C calls it: see `guarded`. What a statement is called is asked of every
// one, BEGIN included.
unsafe extern "C-unwind" {
    fn CreateCommandTag(statement: *mut pg_sys::Node) -> pg_sys::CommandTag::Type;
    fn standard_ProcessUtility(
        planned: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        params: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        destination: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

#[allow(clippy::too_many_arguments, reason = "PostgreSQL's signature")]
unsafe extern "C-unwind" fn process(
    planned: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    destination: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: PostgreSQL passes a valid planned statement; this frame holds nothing to drop; the previous hook, or
    // the function that it replaces, gets the arguments that we were given.
    unsafe {
        let statement = Statement { node: (*planned).utilityStmt, text, query: context };
        // A transaction's own end frees the tree and leaves nothing to look at.
        let ends_transaction = statement.tag() == pg_sys::NodeTag::T_TransactionStmt;
        let depth = enter(&statement);
        if guarded(|| answer((dispatch().statement_starts)(&statement))) == Verdict::Done {
            leave(depth);
            if statement.tag() == pg_sys::NodeTag::T_DeallocateStmt && !completion.is_null() {
                pg_sys::SetQueryCompletion(completion, pg_sys::CommandTag::CMDTAG_DEALLOCATE, 0);
            }
            return;
        }
        match PREVIOUS {
            Some(previous) => {
                previous(planned, text, read_only_tree, context, params, environment, destination, completion)
            }
            None => standard_ProcessUtility(
                planned,
                text,
                read_only_tree,
                context,
                params,
                environment,
                destination,
                completion,
            ),
        }
        if !ends_transaction {
            guarded(|| answer((dispatch().statement_done)(&statement)));
        }
        leave(depth);
    }
}
