"""JavaScript run in a page. Each takes one element (and an argument) and answers with plain data.

A look-up and its act travel together, so that one roundtrip finds the element, makes sure it is the only one, and
reads or fills it.
"""

_FIELD = "input:not([type=hidden]), select, textarea"
_FIELD_OF = f"(element => element.matches('{_FIELD}') ? element : element.querySelector('{_FIELD}'))"

NOTHING = "() => null"

TEXT = f"""element => {{
  const field = {_FIELD_OF}(element);
  if (!field) return element.innerText;
  if (field.tagName === 'SELECT') return field.selectedOptions.length ? field.selectedOptions[0].text : '';
  return field.value;
}}"""
"""What an element shows: its field's content, or its text."""

TYPE_IN = f"""(element, value) => {{
  const field = {_FIELD_OF}(element);
  if (!field) return {{state: 'no field'}};
  if (field.disabled || field.readOnly) return {{state: 'locked'}};
  const kinds = ['textarea', 'text', 'search', 'tel', 'url', 'email', 'password'];
  if (!kinds.includes(field.type)) return {{state: 'other'}};
  field.focus();
  field.select();
  field.ownerDocument.execCommand(value ? 'insertText' : 'delete', false, value);
  return {{state: 'typed', held: field.value}};
}}"""
"""Replace a field's content as typing does, with the events of typing; ``other``: a field that is not typed into."""

OPTIONS = f"element => [...({_FIELD_OF}(element)?.options ?? [])].map(option => [option.value, option.text.trim()])"
"""Value and text of a select's options."""

UNCHANGED = """(element, still_ms) => new Promise(resolve => {
  const answer = unchanged => { clearTimeout(timer); changes.disconnect(); resolve(unchanged); };
  const changes = new MutationObserver(() => answer(false));
  const timer = setTimeout(() => answer(true), still_ms);
  changes.observe(element, {subtree: true, childList: true, attributes: true, characterData: true});
})"""
"""Whether nothing below an element changes for so many milliseconds; answers at the first change."""


def of_the_only_one(script: str) -> str:
    """The script for all matches of a locator: ``[count]``, or ``[1, answer]`` when there is exactly one."""
    return f"(found, argument) => found.length === 1 ? [1, ({script})(found[0], argument)] : [found.length]"


def of_each(script: str) -> str:
    """The script for all matches of a locator: the list of answers."""
    return f"found => found.map(element => ({script})(element))"
