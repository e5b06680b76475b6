//! The SQL functions that are exported straight: see `call`.

use super::call::sql_functions;
use crate::audit::{capture, event, export, history, rows, status, verify};
use crate::encryption::{ciphertext, row, value, write};

sql_functions! {
    warden_ciphertext_in, pg_finfo_warden_ciphertext_in => ciphertext::ciphertext_in;
    warden_ciphertext_eq_in, pg_finfo_warden_ciphertext_eq_in => ciphertext::ciphertext_eq_in;
    warden_ciphertext_recv, pg_finfo_warden_ciphertext_recv => ciphertext::ciphertext_recv;
    warden_ciphertext_eq_recv, pg_finfo_warden_ciphertext_eq_recv => ciphertext::ciphertext_eq_recv;
    warden_ciphertext_out, pg_finfo_warden_ciphertext_out => ciphertext::out;
    warden_ciphertext_send, pg_finfo_warden_ciphertext_send => ciphertext::send;
    warden_ciphertext_eq_eq, pg_finfo_warden_ciphertext_eq_eq => ciphertext::eq;
    warden_ciphertext_eq_ne, pg_finfo_warden_ciphertext_eq_ne => ciphertext::ne;
    warden_ciphertext_eq_lt, pg_finfo_warden_ciphertext_eq_lt => ciphertext::lt;
    warden_ciphertext_eq_le, pg_finfo_warden_ciphertext_eq_le => ciphertext::le;
    warden_ciphertext_eq_ge, pg_finfo_warden_ciphertext_eq_ge => ciphertext::ge;
    warden_ciphertext_eq_gt, pg_finfo_warden_ciphertext_eq_gt => ciphertext::gt;
    warden_ciphertext_eq_cmp, pg_finfo_warden_ciphertext_eq_cmp => ciphertext::cmp;
    warden_ciphertext_eq_hash, pg_finfo_warden_ciphertext_eq_hash => ciphertext::hash;
    warden_ciphertext_eq_hash_extended, pg_finfo_warden_ciphertext_eq_hash_extended => ciphertext::hash_extended;
    warden_encrypt_text, pg_finfo_warden_encrypt_text => value::encrypt_text;
    warden_encrypt_bytes, pg_finfo_warden_encrypt_bytes => value::encrypt_bytes;
    warden_encrypt_json, pg_finfo_warden_encrypt_json => value::encrypt_json;
    warden_encrypt_eq, pg_finfo_warden_encrypt_eq => value::encrypt_eq;
    warden_search_term, pg_finfo_warden_search_term => value::search_term;
    warden_decrypt_text, pg_finfo_warden_decrypt_text => value::decrypt_text;
    warden_decrypt_bytes, pg_finfo_warden_decrypt_bytes => value::decrypt_bytes;
    warden_decrypt_json, pg_finfo_warden_decrypt_json => value::decrypt_json;
    warden_column_open, pg_finfo_warden_column_open => row::column_open;
    warden_column_unchanged, pg_finfo_warden_column_unchanged => row::column_unchanged;
    warden_column_opens, pg_finfo_warden_column_opens => row::column_opens;
    warden_column_seal, pg_finfo_warden_column_seal => row::column_seal;
    warden_column_seal_eq, pg_finfo_warden_column_seal_eq => row::column_seal_eq;
    warden_column_unseal, pg_finfo_warden_column_unseal => row::column_unseal;
    warden_bind_row, pg_finfo_warden_bind_row => row::bind_row;
    warden_clear_row, pg_finfo_warden_clear_row => write::clear_row;
    warden_record_event, pg_finfo_warden_record_event => event::record_event;
    warden_audit_row, pg_finfo_warden_audit_row => capture::row;
    warden_audit_truncate, pg_finfo_warden_audit_truncate => capture::truncate;
    warden_audit_rows, pg_finfo_warden_audit_rows => rows::audit_rows;
    warden_audit_sealed, pg_finfo_warden_audit_sealed => rows::audit_sealed;
    warden_audit_own_blocks, pg_finfo_warden_audit_own_blocks => rows::audit_own_blocks;
    warden_audit_unsealed, pg_finfo_warden_audit_unsealed => rows::audit_unsealed;
    warden_row_history, pg_finfo_warden_row_history => history::row_history;
    warden_verify_audit, pg_finfo_warden_verify_audit => verify::verify_audit;
    warden_export_audit, pg_finfo_warden_export_audit => export::export_audit;
    warden_audit_state, pg_finfo_warden_audit_state => status::audit_state;
}
