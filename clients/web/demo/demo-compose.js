// From the publish form to the body of `POST /v1/notifications`.

/** Ready-made notifications to begin with. */
export const EXAMPLES = [
  { subject: 'Invoice 2041 is paid', body: 'Northwind settled 1,280.00 EUR this morning. The receipt is attached to the order.', severity: 'none', tags: 'billing', redirect: '/invoices/2041' },
  { subject: 'Build failed on main', body: 'Step “integration” ended after 4 min 12 s: two tests disagree about the time zone.', severity: 'high', tags: 'ci, main', redirect: '' },
  { subject: 'Mara Lindqvist mentioned you', body: '“Could you look at the second paragraph before we send this to the printer?”', severity: 'low', tags: 'review', redirect: '' },
  { subject: 'Maintenance on Sunday, 06:00', body: 'Exports pause for about ten minutes. Everything else carries on.', severity: 'medium', tags: 'status', redirect: 'https://status.example.com/' },
  { subject: 'Your export is ready', body: '18,204 rows, compressed. The link works for three days.', severity: 'none', tags: 'export', redirect: '/exports/7' },
];

/**
 * @param {HTMLFormElement} form
 * @returns {Record<string, any>} only what was filled in
 */
export function notificationOf(form) {
  const values = Object.fromEntries(new FormData(form));
  const tags = String(values.tags).split(',').map((tag) => tag.trim()).filter((tag) => tag !== '');
  return {
    to: recipientsOf(String(values.to)),
    ...(values.subject ? { subject: values.subject } : {}),
    body: values.body,
    ...(values.severity === 'none' ? {} : { severity: values.severity }),
    ...(tags.length > 0 ? { tags } : {}),
    ...(values.redirect ? { redirect: { url: values.redirect } } : {}),
  };
}

/** @param {string} choice */
function recipientsOf(choice) {
  if (choice === 'both') return ['ada', 'bob'];
  if (choice === 'everyone') return { type: 'tenant' };
  return choice;
}
