CREATE SCHEMA exam;

-- The files as they are, names aside; each code_module is an institution. student_assessment, whose file knows its module
-- through the assessment alone, gets the column as well.
CREATE TABLE exam.courses (
    code_module                text NOT NULL,
    code_presentation          text NOT NULL,
    module_presentation_length int NOT NULL,
    PRIMARY KEY (code_module, code_presentation)
);
CREATE TABLE exam.assessments (
    code_module       text NOT NULL,
    code_presentation text NOT NULL,
    id_assessment     bigint PRIMARY KEY,
    assessment_type   text NOT NULL,
    date              int,
    weight            numeric NOT NULL,
    FOREIGN KEY (code_module, code_presentation) REFERENCES exam.courses
);
CREATE TABLE exam.student_info (
    code_module          text NOT NULL,
    code_presentation    text NOT NULL,
    id_student           bigint NOT NULL,
    gender               text,
    region               text,
    highest_education    text,
    imd_band             text,
    age_band             text,
    num_of_prev_attempts int,
    studied_credits      int,
    disability           text,
    final_result         text,
    PRIMARY KEY (code_module, code_presentation, id_student),
    FOREIGN KEY (code_module, code_presentation) REFERENCES exam.courses
);
CREATE TABLE exam.student_registration (
    code_module         text NOT NULL,
    code_presentation   text NOT NULL,
    id_student          bigint NOT NULL,
    date_registration   int,
    date_unregistration int,
    PRIMARY KEY (code_module, code_presentation, id_student),
    FOREIGN KEY (code_module, code_presentation, id_student) REFERENCES exam.student_info
);
CREATE TABLE exam.student_assessment (
    code_module    text NOT NULL,
    id_assessment  bigint NOT NULL REFERENCES exam.assessments,
    id_student     bigint NOT NULL,
    date_submitted int,
    is_banked      int NOT NULL,
    score          int,
    PRIMARY KEY (id_assessment, id_student)
);

GRANT USAGE ON SCHEMA exam TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA exam TO app;
