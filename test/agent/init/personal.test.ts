import t from 'tap';
import { identifierOf, isProtected, personalByName, personalOf } from '../../../agent/init/personal.ts';

const many = (make: (k: number) => string) => Array.from({ length: 50 }, (_, k) => make(k));

t.test('values give a person away whatever the column is called', (t) => {
  for (const [values, what] of [
    [many((k) => `ann.${k}@example.org`), 'an e-mail address'],
    [
      [
        'DE89 3704 0044 0532 0130 00',
        'GB82WEST12345698765432',
        'FR1420041010050500013M02606',
        'NL91ABNA0417164300',
        'CH9300762011623852957',
      ],
      'an IBAN',
    ],
    [['4111111111111111', '5500 0000 0000 0004', '378282246310005', '6011111111111117', '3530111333300000'], 'a payment card'],
    [many((k) => `10.0.${k}.1`), 'an IP address'],
    [many((k) => `2001:db8::${k}`), 'an IP address'],
    [many((k) => `${100 + k}-22-3333`), 'a national identity or tax number'],
    [many((k) => `+49 30 1234${100 + k}`), 'a phone number'],
    [many((k) => `(555) 010-${1000 + k}`), 'a phone number'],
    [many((k) => `${k} Main Street`), 'a street address'],
    [many((k) => `Lindenweg ${k}`), 'a street address'],
    [many((k) => `${['Ada', 'Zoë', 'Jean-Luc'][k % 3]} ${['Lovelace', 'van Dijk', "O'Neil"][k % 3]}`), 'a person’s name'],
  ] as const) {
    t.match(personalOf('x7', values, true, true), { what, by: 'values' }, values[0]);
  }
  t.end();
});

t.test('a checksum that fails is no IBAN and no card', (t) => {
  t.equal(
    personalOf(
      'x',
      ['DE88370400440532013000', 'GB81WEST12345698765432', 'FR1320041010050500013M02606', 'NL90ABNA0417164300', 'CH9200762011623852957'],
      true,
      true,
    ),
    null,
  );
  t.equal(
    personalOf(
      'x',
      many((k) => String(4111111111111110 + 10 * k)),
      true,
      true,
    ),
    null,
    'random numbers pass Luhn one time in ten',
  );
  t.end();
});

t.test('names give it away too, unless the column holds a handful of categories', (t) => {
  for (const [name, what] of [
    ['customerEmail', 'an e-mail address'],
    ['first_name', 'a person’s name'],
    ['LastName', 'a person’s name'],
    ['mobile_phone', 'a phone number'],
    ['date_of_birth', 'a date of birth'],
    ['home_address', 'a street address'],
    ['zip', 'a postal code'],
    ['client.ip', 'an IP address'],
    ['ssn', 'a national identity or tax number'],
    ['longitude', 'a place on the map'],
    ['customer_id', 'an identifier of a person, device or session'],
    ['user', 'an identifier of a person, device or session'],
  ] as const) {
    t.match(personalOf(name, [], true, true), { what, by: 'name' }, name);
    t.equal(personalOf(name, [], false, false), null, name);
  }
  for (const name of [
    'age',
    'amount',
    'temperature',
    'description',
    'shipping',
    'telemetry',
    'zipper',
    'fullness',
    'userfulness',
    'panel',
    'tint',
    'latency',
    'mobility',
    'card_type',
  ])
    t.equal(personalOf(name, [], true, true), null, name);
  t.end();
});

t.test('a handful of names is personal where the column is called so too', (t) => {
  const people = ['Ada Lovelace', 'Alan Turing', 'Grace Hopper', 'Emmy Noether', 'Karl Pearson'];
  t.match(personalOf('Name', people, false, false), { what: 'a person’s name', by: 'values' });
  t.equal(personalOf('city', people, false, false), null);
  t.equal(personalByName('first_name'), 'a person’s name');
  t.equal(personalByName('amount'), null);
  t.end();
});

t.test('ordinary values are nobody', (t) => {
  for (const values of [
    many((k) => String(k * 1.5)),
    many((k) => String(20_000_000 + k * 7919)),
    many((k) => `2024-01-${10 + (k % 20)}`),
    many((k) => `${10 + (k % 20)}.03.2024`),
    many((k) => `word${k} and more`),
    many((k) => `1${k}.5.2`),
  ])
    t.equal(personalOf('x', values, true, true), null, values.join());
  t.equal(personalOf('city', ['New York', 'San Jose', 'Los Angeles', 'Santa Fe', 'El Paso'], true, false), null, 'a city is a category');
  t.end();
});

t.test('identifiers are told by their form, by their randomness, or by their name', (t) => {
  t.match(
    identifierOf(
      'x',
      many((k) => `123e4567-e89b-12d3-a456-4266141740${10 + k}`),
      false,
    ),
    'UUIDs',
  );
  t.match(
    identifierOf(
      'x',
      many((k) => `${'a7f3c9e1b5d2'.slice(k % 6)}${(k * 2654435761) % 9999999}Zq8`),
      true,
    ),
    'random texts',
  );
  t.match(
    identifierOf(
      'order_id',
      many((k) => String(k)),
      true,
    ),
    'by its name',
  );
  t.equal(
    identifierOf(
      'x',
      many((k) => `item number ${k}`),
      true,
    ),
    null,
  );
  t.equal(identifierOf('order_id', ['a', 'b'], false), null, 'few values that repeat are a category');
  t.equal(
    identifierOf(
      'paid',
      many((k) => String(k)),
      true,
    ),
    null,
    'an id is a word, not an ending',
  );
  t.end();
});

t.test('protected groups are told', (t) => {
  t.ok(isProtected('sex') && isProtected('maritalStatus') && isProtected('native_country') && isProtected('race'));
  t.notOk(isProtected('sextant') || isProtected('trace') || isProtected('age_group'));
  t.end();
});
