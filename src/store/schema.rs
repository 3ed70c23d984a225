// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "xid8", schema = "pg_catalog"))]
    pub struct Xid8;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Xid8;

    audit_log (id) {
        id -> Int8,
        xid -> Xid8,
        occurred_at -> Timestamptz,
        origin -> Text,
        worker_id -> Nullable<Text>,
        task_id -> Nullable<Text>,
        process_instance_id -> Nullable<Text>,
        action -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        outcome -> Text,
        detail -> Text,
    }
}

diesel::table! {
    audit_seals (seal_seq) {
        seal_seq -> Int8,
        audit_id -> Int8,
        hash -> Bytea,
        sealed_at -> Timestamptz,
    }
}

diesel::table! {
    customers (customer_id) {
        customer_id -> Uuid,
        user_id -> Uuid,
        national_id -> Text,
        first_name -> Text,
        last_name -> Text,
        date_of_birth -> Date,
        phone_number -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    email_verifications (verification_id) {
        verification_id -> Uuid,
        user_id -> Uuid,
        email -> Text,
        key_id -> Text,
        process_instance_id -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        superseded_at -> Nullable<Timestamptz>,
        confirmed_at -> Nullable<Timestamptz>,
        engine_id -> Text,
    }
}

diesel::table! {
    housekeeping_rounds (engine_id) {
        engine_id -> Text,
        begun_at -> Timestamptz,
    }
}

diesel::table! {
    merchants (merchant_id) {
        merchant_id -> Uuid,
        business_name -> Text,
        registration_number -> Text,
        contact_email -> Text,
        phone_number -> Nullable<Text>,
        admin_name -> Nullable<Text>,
        admin_email -> Nullable<Text>,
        is_approved -> Bool,
        approval_date -> Nullable<Timestamptz>,
        user_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    outbox (id) {
        id -> Uuid,
        notification_key -> Text,
        channel -> Text,
        template -> Text,
        payload -> Nullable<Jsonb>,
        state -> Text,
        attempts -> Int4,
        next_attempt_at -> Timestamptz,
        claim_token -> Nullable<Uuid>,
        claimed_until -> Nullable<Timestamptz>,
        last_error -> Nullable<Text>,
        process_instance_id -> Nullable<Text>,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
        engine_id -> Nullable<Text>,
    }
}

diesel::table! {
    security_events (security_event_id) {
        security_event_id -> Uuid,
        kind -> Text,
        user_id -> Nullable<Uuid>,
        merchant_id -> Nullable<Uuid>,
        details -> Jsonb,
        process_instance_id -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    shared_figures (collector, scope) {
        collector -> Text,
        scope -> Text,
        due_at -> Timestamptz,
        taken_at -> Nullable<Timestamptz>,
        took_seconds -> Nullable<Float8>,
        figures -> Nullable<Jsonb>,
    }
}

diesel::table! {
    task_completions (engine_id, task_id) {
        engine_id -> Text,
        task_id -> Text,
        topic -> Text,
        process_definition_key -> Text,
        process_instance_id -> Text,
        activity_instance_id -> Text,
        business_key -> Nullable<Text>,
        input_sha256 -> Bytea,
        answer -> Nullable<Jsonb>,
        completed_at -> Timestamptz,
        reported_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    task_deliveries (engine_id, task_id) {
        engine_id -> Text,
        task_id -> Text,
        topic -> Text,
        silent -> Int4,
        alone -> Int4,
        delivered_at -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        username -> Nullable<Text>,
        email -> Text,
        role -> Text,
        kyc_status -> Text,
        national_id -> Nullable<Text>,
        date_of_birth -> Nullable<Date>,
        phone_number -> Nullable<Text>,
        is_active -> Bool,
        failed_login_attempts -> Int4,
        account_locked_until -> Nullable<Timestamptz>,
        flagged_for_review_at -> Nullable<Timestamptz>,
        verified_email -> Nullable<Text>,
        email_verified_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    wallet_creation_requests (request_id) {
        request_id -> Uuid,
        merchant_id -> Uuid,
        status -> Text,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        email -> Nullable<Text>,
        phone_number -> Nullable<Text>,
        national_id -> Nullable<Text>,
        date_of_birth -> Nullable<Date>,
        validation_errors -> Jsonb,
        bpmn_error -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    wallets (wallet_id) {
        wallet_id -> Text,
        request_id -> Uuid,
        customer_id -> Uuid,
        merchant_id -> Uuid,
        wallet_type -> Text,
        status -> Text,
        currency -> Text,
        balance -> Numeric,
        daily_limit -> Numeric,
        monthly_limit -> Numeric,
        created_at -> Timestamptz,
    }
}

diesel::joinable!(audit_seals -> audit_log (audit_id));
diesel::joinable!(customers -> users (user_id));
diesel::joinable!(email_verifications -> users (user_id));
diesel::joinable!(merchants -> users (user_id));
diesel::joinable!(wallets -> customers (customer_id));
diesel::joinable!(wallets -> merchants (merchant_id));
diesel::joinable!(wallets -> wallet_creation_requests (request_id));

diesel::allow_tables_to_appear_in_same_query!(
    audit_log,
    audit_seals,
    customers,
    email_verifications,
    housekeeping_rounds,
    merchants,
    outbox,
    security_events,
    shared_figures,
    task_completions,
    task_deliveries,
    users,
    wallet_creation_requests,
    wallets,
);
