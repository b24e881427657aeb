//! Which test stands at each limit and one over it. A limit without a row, and a test that is not there, fail.

use std::path::Path;
use tidings_engine::limits::Limit;

/// A file from the root of the repository, and a test in it.
type Proof = (&'static str, &'static str);

const ACCESS: &str = "engine/src/access/tests.rs";
const ADMISSION: &str = "engine/src/admission/tests.rs";
const REQUEST: &str = "engine/src/request/tests.rs";
const OPENING: &str = "engine/src/session/tests/opening.rs";
const REQUESTS: &str = "engine/src/session/tests/requests.rs";
const FLOW: &str = "engine/src/session/tests/flow.rs";
const IDEMPOTENCY: &str = "engine/src/state/idempotency.rs";
const TICKETS: &str = "engine/src/tickets.rs";
const TOKEN: &str = "engine/src/token/tests.rs";
const HTTP: &str = "transports/adapters/tests/http/errors.rs";
const CARRIERS: &str = "transports/adapters/tests/carriers.rs";
const TCP: &str = "transports/adapters/tests/http_limits.rs";

/// The tests at the limits and one over them.
const PROOFS: &[(&[Limit], Proof)] = &[
    (&[Limit::FrameBytesMax], (REQUESTS, "a_frame_of_the_limit_passes_and_one_byte_more_ends_the_session")),
    (&[Limit::TokenBytesMax], (HTTP, "a_token_is_a_bearer_of_at_most_8_kib_and_stands_in_no_url")),
    (&[Limit::HttpBodyBytesMax], (HTTP, "a_body_may_have_its_most_bytes_and_not_one_more")),
    (&[Limit::HttpOpenBodyBytesMax], (HTTP, "a_body_of_somebody_unknown_may_have_4_kib_and_not_one_byte_more")),
    (
        &[Limit::HttpHeadBytesMax, Limit::HttpHeadersCountMax],
        (TCP, "a_head_may_have_its_most_headers_and_bytes_and_not_more"),
    ),
    (&[Limit::HttpStreamsMax], (TCP, "an_http2_connection_is_told_how_many_requests_it_may_have_open")),
    (
        &[
            Limit::RecipientsCountMax,
            Limit::SubjectBytesMax,
            Limit::BodyBytesMax,
            Limit::DataBytesMax,
            Limit::DataDepthMax,
            Limit::NameBytesMax,
            Limit::UrlBytesMax,
        ],
        (REQUEST, "every_field_takes_its_limit_and_refuses_one_more"),
    ),
    (&[Limit::BulkIdsCountMax], (REQUEST, "marks_name_items_by_position_within_their_limit")),
    (&[Limit::ItemBytesMax], (REQUEST, "an_item_must_fit_its_limit_in_the_largest_form_it_can_be_shown_in")),
    (&[Limit::TagsCountMax], (REQUEST, "a_filter_reads_tags_and_severities_in_each_of_their_forms")),
    (&[Limit::CommandIdBytesMax], (REQUEST, "a_command_id_has_its_limit")),
    (&[Limit::RolesCountMax, Limit::TopicsCountMax], (TOKEN, "the_table_of_tokens_gives_its_verdicts")),
    (&[Limit::TokenLifetimeMsMax], (TOKEN, "the_table_of_tokens_gives_its_verdicts")),
    (&[Limit::TicketMsMax], (TICKETS, "a_ticket_is_worth_nothing_after_its_time_or_that_of_its_token")),
    (&[Limit::TicketsOfOneMax], (TICKETS, "a_user_has_so_many_tickets_and_no_more_until_one_is_used_or_forgotten")),
    (&[Limit::TicketsCountMax], (TICKETS, "a_node_remembers_so_many_tickets_used_ones_too")),
    (&[Limit::PageItemsMax], (REQUEST, "a_page_has_its_bounds_and_begins_after_an_item_or_a_place")),
    (&[Limit::PageBytesMax], ("projections/tests/rendering.rs", "a_page_ends_at_its_bytes_and_goes_on_after_them")),
    (
        &[Limit::CountFiltersMax],
        ("transports/adapters/tests/http/inbox.rs", "a_filter_that_is_not_understood_is_named_and_counts_nothing"),
    ),
    (
        &[Limit::AuditEventsMax],
        ("engine/src/request/audit_tests.rs", "filters_that_are_not_of_their_kind_are_refused_by_name"),
    ),
    (
        &[Limit::InboxItemsMax],
        ("projections/tests/full_inbox.rs", "a_full_inbox_shows_the_newest_and_tells_its_follower_what_dropped_off"),
    ),
    (
        &[Limit::TombstonesCountMax],
        ("projections/tests/full_inbox.rs", "who_was_away_for_longer_than_removals_are_remembered_starts_over"),
    ),
    (&[Limit::IdempotencyMsMax], (IDEMPOTENCY, "a_key_is_forgotten_after_its_time_whoever_comes_next")),
    (&[Limit::IdempotencyKeysTenantMax], (IDEMPOTENCY, "a_tenant_at_its_limit_loses_its_own_oldest_key")),
    (&[Limit::IdempotencyKeysNodeMax], (IDEMPOTENCY, "a_node_at_its_limit_loses_the_oldest_key_of_all")),
    (&[Limit::HandshakeMsMax], (CARRIERS, "a_silent_peer_loses_its_place_after_the_time_to_handshake")),
    (&[Limit::HelloMsMax], (OPENING, "hello_must_come_in_time_and_signs_of_life_do_not_prolong_it")),
    (&[Limit::IdleMsMax, Limit::PingMs], (REQUESTS, "a_silent_session_is_pinged_then_ended")),
    (&[Limit::HttpBodyMsMax], (HTTP, "a_body_that_does_not_arrive_is_not_waited_for")),
    (
        &[Limit::OutboxBytesMax, Limit::OutboxFramesMax],
        (FLOW, "an_outbox_takes_its_limit_and_one_more_brings_the_subscription_behind"),
    ),
    (&[Limit::CommandsInFlightMax], (REQUESTS, "requests_in_flight_are_bounded_until_their_replies_are_taken")),
    (
        &[Limit::CommandsPerSecond, Limit::CommandsBurst],
        (ADMISSION, "commands_of_a_user_have_a_rate_over_all_connections"),
    ),
    (
        &[Limit::QueriesPerSecond, Limit::QueriesBurst],
        (ADMISSION, "queries_of_a_user_have_a_rate_over_all_connections"),
    ),
    (&[Limit::RateLimitedPerMinuteMax], (REQUESTS, "rates_hold_and_too_many_refusals_end_the_session")),
    (&[Limit::ProtocolErrorsMax], (REQUESTS, "the_third_protocol_error_ends_the_session_and_each_is_answered")),
    (&[Limit::SubscriptionsMax], (REQUESTS, "subscriptions_are_bounded_and_one_to_the_same_inbox_replaces")),
    (&[Limit::UserConnectionsMax], (ADMISSION, "connections_of_a_user_are_bounded")),
    (
        &[Limit::AddressUnauthenticatedMax],
        (ADMISSION, "unauthenticated_connections_of_an_address_are_bounded_and_a_released_place_is_free"),
    ),
    (
        &[Limit::AddressConnectionsMax],
        (ADMISSION, "authenticated_connections_of_an_address_are_bounded_also_for_those_on_their_way"),
    ),
    (&[Limit::AddressHandshakesPerSecond], (ADMISSION, "handshakes_of_an_address_have_a_rate")),
    (&[Limit::TenantConnectionsMax], (ADMISSION, "connections_of_a_tenant_are_bounded")),
    (&[Limit::TenantPublishesPerSecond], (ADMISSION, "publishes_of_a_tenant_have_a_rate_whoever_publishes")),
    (
        &[Limit::TenantRecipientsPerSecond],
        (ADMISSION, "the_people_whom_a_tenant_names_have_a_rate_and_more_than_that_at_once_is_too_large"),
    ),
    (&[Limit::NodeConnectionsMax], (ADMISSION, "the_node_holds_its_connections_and_refuses_one_more")),
    (
        &[Limit::NodeUnauthenticatedMax],
        (ADMISSION, "the_node_holds_its_unauthenticated_connections_and_refuses_one_more"),
    ),
    (
        &[Limit::TenantAuditsMax],
        ("server/src/auditing/slots.rs", "a_tenant_has_so_many_places_and_takes_none_of_another"),
    ),
    (
        &[Limit::CriticalCountMax],
        ("engine/src/request/settings.rs", "a_tenant_calls_so_many_categories_critical_and_not_one_more"),
    ),
    (
        &[Limit::ConsentsPersonMax],
        ("engine/src/consent/tests.rs", "an_erasure_forgets_what_a_person_said_and_makes_room"),
    ),
    (&[Limit::ApiKeysTenantMax, Limit::RevocationsTenantMax], (ACCESS, "keys_and_revocations_of_a_tenant_are_bounded")),
];

/// Nothing of ours counts, so there is no one over it: further readings wait at a semaphore of the runtime.
/// Those of API keys, revocations and consents take as many events as a node may remember.
const WITHOUT: &[Limit] = &[
    Limit::NodeAuditsRunningMax,
    Limit::ApiKeysNodeMax,
    Limit::RevocationsNodeMax,
    Limit::ConsentsTenantMax,
    Limit::ConsentsNodeMax,
];

#[test]
fn every_limit_has_a_test_at_it_and_one_over() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for limit in Limit::ALL.iter().filter(|limit| !WITHOUT.contains(limit)) {
        let of_it: Vec<_> = PROOFS.iter().filter(|(limits, _)| limits.contains(limit)).collect();
        let [(_, (file, test))] = of_it[..] else { panic!("{} has {} tests", limit.name(), of_it.len()) };
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let found = source.split("fn ").skip(1).any(|rest| rest.starts_with(&format!("{test}(")));
        assert!(found, "{}: {file} has no test {test}", limit.name());
    }
}
