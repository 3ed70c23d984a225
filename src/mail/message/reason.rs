//! Says in sentences why a merchant was declined.

const SOMETHING_ELSE: &str = "Some of the details we have could not be accepted.";

/// A sentence for each of the `codes`, none of them twice, and at least one.
pub(super) fn sentences(codes: &[String]) -> Vec<&'static str> {
    let mut sentences = Vec::new();
    for sentence in codes.iter().map(|code| sentence(code)) {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    if sentences.is_empty() {
        sentences.push(SOMETHING_ELSE);
    }
    sentences
}

fn sentence(code: &str) -> &'static str {
    match code {
        "registration_number_invalid" => {
            "The registration number is not valid. It starts with BW, followed by eleven digits."
        }
        "contact_email_invalid" => "The contact e-mail address is not valid.",
        "kyc_not_approved" => "The identity check of the owner is not complete.",
        _ => SOMETHING_ELSE,
    }
}

#[cfg(test)]
mod tests {
    use super::{SOMETHING_ELSE, sentences};

    fn said(codes: &[&str]) -> Vec<&'static str> {
        sentences(&codes.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn each_known_code_has_a_sentence_of_its_own() {
        let codes = [
            "registration_number_invalid",
            "contact_email_invalid",
            "kyc_not_approved",
        ];

        let said = said(&codes);

        assert_eq!(said.len(), codes.len());
        assert!(!said.contains(&SOMETHING_ELSE));
    }

    #[test]
    fn codes_that_are_not_known_are_said_once_in_general() {
        assert_eq!(
            said(&["owner_on_the_moon", "kyc_not_approved", "<b>"]),
            [
                SOMETHING_ELSE,
                "The identity check of the owner is not complete."
            ]
        );
    }

    #[test]
    fn no_code_at_all_still_says_something() {
        assert_eq!(said(&[]), [SOMETHING_ELSE]);
    }
}
