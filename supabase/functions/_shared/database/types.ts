export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      [_ in never]: never;
    };
    Views: {
      "execution_contexts": {
        Row: {
          "conversation_id": string | null;
          "created_at": string | null;
          "expires_at": string | null;
          "forked_from_path_id": string | null;
          "id": string | null;
          "kept_until": string | null;
          "last_used_at": string | null;
          "path_id": string | null;
          "sandbox_status": string | null;
          "state": string | null;
          "terminated_at": string | null;
          "termination_reason": string | null;
          "ttl_seconds": number | null;
        };
        ComputedFields: never;
        Relationships: [];
      };
      "execution_contexts_overview": {
        Row: {
          "age_seconds": number | null;
          "context_id": string | null;
          "conversation_id": string | null;
          "created_at": string | null;
          "expires_at": string | null;
          "idle_seconds": number | null;
          "kept_until": string | null;
          "kill_attempted_at": string | null;
          "kill_owed_since": string | null;
          "path_id": string | null;
          "previous_terminated_at": string | null;
          "previous_termination_reason": string | null;
          "running_since": string | null;
          "sandbox_id": string | null;
          "sandbox_status": string | null;
          "state": string | null;
          "template": string | null;
          "tenant_id": string | null;
          "termination_reason": string | null;
          "user_id": string | null;
        };
        ComputedFields: never;
        Relationships: [];
      };
    };
    Functions: {
      "copilot_activate_context": {
        Args: {
          "p_context_id": string;
          "p_hold_seconds"?: number;
          "p_is_fork"?: boolean;
          "p_sandbox_access"?: string;
          "p_sandbox_id": string;
          "p_sandbox_seconds"?: number;
          "p_template"?: string;
        };
        Returns: {
          "conversation_id": string;
          "created_at": string;
          "expires_at": string;
          "forked_from_context_id": string;
          "forked_from_path_id": string;
          "id": string;
          "kept_until": string;
          "last_used_at": string;
          "path_id": string;
          "previous_terminated_at": string;
          "previous_termination_reason": string;
          "sandbox_id": string;
          "state_id": string;
          "tenant_id": string;
          "ttl_seconds": number;
        }[];
      };
      "copilot_answer_execution": { Args: { "p_answer"?: string; "p_execution_id": string }; Returns: boolean };
      "copilot_claim_context": {
        Args: {
          "p_asked_at"?: number;
          "p_awaited_id"?: string;
          "p_claim_id": string;
          "p_conversation_id": string;
          "p_conversation_quota"?: number;
          "p_creates_per_minute"?: number;
          "p_default_ttl_seconds": number;
          "p_evict"?: boolean;
          "p_execution_id"?: string;
          "p_execution_name"?: string;
          "p_executions_per_minute"?: number;
          "p_from_path_id"?: string;
          "p_hold_seconds"?: number;
          "p_keep_seconds"?: number;
          "p_language"?: string;
          "p_lease_seconds": number;
          "p_open_seconds"?: number;
          "p_path_id": string;
          "p_probation_seconds"?: number;
          "p_tenant_id": string;
          "p_tenant_quota"?: number;
          "p_ttl_seconds"?: number;
          "p_user_id"?: string;
        };
        Returns: {
          "allow_internet": boolean;
          "allowed_hosts": (string)[];
          "conversation_id": string;
          "created_at": string;
          "error_code": string;
          "error_retry_after_seconds": number;
          "expires_at": string;
          "forked_from_context_id": string;
          "forked_from_path_id": string;
          "id": string;
          "kept_until": string;
          "kernel_count": number;
          "last_used_at": string;
          "outcome": string;
          "path_id": string;
          "previous_terminated_at": string;
          "previous_termination_reason": string;
          "quota_count": number;
          "quota_limit": number;
          "quota_scope": string;
          "sandbox_access": string;
          "sandbox_deadline_at": string;
          "sandbox_id": string;
          "state_id": string;
          "template": string;
          "tenant_id": string;
          "ttl_seconds": number;
          "was_asleep": boolean;
        }[];
      };
      "copilot_claim_execution": {
        Args: {
          "p_conversation_id": string;
          "p_execution_id": string;
          "p_idempotency_key": string;
          "p_lease_seconds": number;
          "p_most_bytes"?: number;
          "p_path_id": string;
          "p_request_hash": string;
          "p_tenant_id": string;
          "p_user_id"?: string;
        };
        Returns: {
          "answer": Json;
          "answer_bytes": number;
          "outcome": string;
        }[];
      };
      "copilot_close": { Args: { "p_is_closed": boolean }; Returns: boolean };
      "copilot_close_execution": { Args: { "p_execution_id": string }; Returns: boolean };
      "copilot_confirm_sandbox_killed": { Args: { "p_context_id": string; "p_sandbox_id": string }; Returns: boolean };
      "copilot_execution_usage": {
        Args: {
          "p_conversation_id"?: string;
          "p_from": string;
          "p_tenant_id"?: string;
          "p_to": string;
          "p_user_id"?: string;
        };
        Returns: {
          "conversation_id": string;
          "day": string;
          "execution_seconds": number;
          "executions": number;
          "output_bytes": number;
          "sandbox_seconds": number;
          "tenant_id": string;
        }[];
      };
      "copilot_expire_due_contexts": { Args: { "p_limit"?: number; "p_sleeping_quota"?: number }; Returns: number };
      "copilot_fail_context": {
        Args: {
          "p_context_id": string;
          "p_error_code": string;
          "p_error_final": boolean;
          "p_error_retry_after_seconds"?: number;
          "p_may_live"?: boolean;
        };
        Returns: boolean;
      };
      "copilot_find_orphans": {
        Args: { "p_sandboxes": Json };
        Returns: {
          "context_id": string;
          "sandbox_id": string;
        }[];
      };
      "copilot_finish_execution": {
        Args: {
          "p_context_id": string;
          "p_duration_ms": number;
          "p_error_name"?: string;
          "p_execution_id": string;
          "p_language": string;
          "p_output_bytes": number;
          "p_status": string;
        };
        Returns: boolean;
      };
      "copilot_forget": {
        Args: { "p_all"?: boolean; "p_limit"?: number; "p_tenant_id": string; "p_user_id"?: string };
        Returns: {
          "deleted_rows": number;
          "ended_contexts": number;
          "is_done": boolean;
          "left_contexts": number;
        }[];
      };
      "copilot_health": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "checked_at": string;
          "claims_oldest_at": string;
          "claims_past_lease": number;
          "claims_past_lease_since": string;
          "contexts_asleep": number;
          "contexts_awake": number;
          "contexts_creating": number;
          "executions_lost": number;
          "executions_running": number;
          "is_closed": boolean;
          "jobs_failed": (string)[];
          "jobs_overdue": (string)[];
          "kills_owed": number;
          "kills_owed_since": string;
          "may_live_until": string;
          "swept_at": string;
        }[];
      };
      "copilot_hold_kernel": {
        Args: { "p_context_id": string; "p_execution_id": string; "p_hold_ms": number; "p_language": string };
        Returns: string;
      };
      "copilot_hold_source": {
        Args: { "p_context_id": string; "p_lease_seconds": number };
        Returns: {
          "conversation_id": string;
          "created_at": string;
          "expires_at": string;
          "forked_from_context_id": string;
          "forked_from_path_id": string;
          "id": string;
          "kept_until": string;
          "last_used_at": string;
          "outcome": string;
          "path_id": string;
          "previous_terminated_at": string;
          "previous_termination_reason": string;
          "sandbox_id": string;
          "state_id": string;
          "template": string;
          "tenant_id": string;
          "ttl_seconds": number;
        }[];
      };
      "copilot_is_kernel_in_use": {
        Args: { "p_context_id": string; "p_execution_id": string; "p_language": string; "p_within_ms": number };
        Returns: boolean;
      };
      "copilot_keep_claim": { Args: { "p_context_id": string; "p_lease_seconds": number }; Returns: boolean };
      "copilot_keep_execution": { Args: { "p_execution_id": string; "p_lease_seconds": number }; Returns: boolean };
      "copilot_kernel_state": {
        Args: {
          "p_claimed_at"?: string;
          "p_context_id": string;
          "p_elapsed_ms"?: number;
          "p_execution_count"?: number;
          "p_execution_id": string;
          "p_language": string;
        };
        Returns: {
          "previous_terminated_at": string;
          "previous_termination_reason": string;
          "state_id": string;
        }[];
      };
      "copilot_let_source_go": { Args: { "p_context_id": string; "p_source_id": string }; Returns: boolean };
      "copilot_lose_context": {
        Args: { "p_confirmed"?: boolean; "p_context_id": string; "p_sandbox_id": string };
        Returns: boolean;
      };
      "copilot_loss_of_state": {
        Args: { "p_conversation_id": string; "p_path_id": string; "p_state_id": string; "p_tenant_id": string };
        Returns: {
          "previous_terminated_at": string;
          "previous_termination_reason": string;
        }[];
      };
      "copilot_move_sweep_place": {
        Args: { "p_is_clean": boolean; "p_page_token"?: string; "p_walk_began_at"?: string };
        Returns: boolean;
      };
      "copilot_note_kernel_restart": {
        Args: { "p_context_id": string; "p_execution_id": string; "p_language": string };
        Returns: string;
      };
      "copilot_note_sandbox": {
        Args: {
          "p_context_id": string;
          "p_sandbox_access": string;
          "p_sandbox_id": string;
          "p_sandbox_seconds": number;
        };
        Returns: boolean;
      };
      "copilot_note_sweep": { Args: Record<PropertyKey, never>; Returns: string };
      "copilot_release_execution": { Args: { "p_execution_id": string }; Returns: boolean };
      "copilot_release_kernel": { Args: { "p_context_id": string; "p_held_until": string }; Returns: boolean };
      "copilot_release_wake": { Args: { "p_context_id": string; "p_last_used_at": string }; Returns: boolean };
      "copilot_send_execution": { Args: { "p_execution_id": string }; Returns: string };
      "copilot_settle_claim": { Args: { "p_context_id": string }; Returns: boolean };
      "copilot_start_execution": {
        Args: {
          "p_claimed_at"?: string;
          "p_context_id": string;
          "p_elapsed_ms"?: number;
          "p_execution_count"?: number;
          "p_execution_id": string;
          "p_language": string;
          "p_limit_ms": number;
        };
        Returns: {
          "previous_terminated_at": string;
          "previous_termination_reason": string;
          "state_id": string;
        }[];
      };
      "copilot_stop_executions": {
        Args: {
          "p_conversation_id": string;
          "p_execution_id"?: string;
          "p_idempotency_key"?: string;
          "p_name"?: string;
          "p_path_id"?: string;
          "p_tenant_id": string;
          "p_user_id"?: string;
        };
        Returns: number;
      };
      "copilot_stopped_executions": { Args: { "p_execution_ids": (string)[] }; Returns: string[] };
      "copilot_sweep_place": {
        Args: Record<PropertyKey, never>;
        Returns: {
          "page_token": string;
          "walk_began_at": string;
        }[];
      };
      "copilot_take_owed_kills": {
        Args: { "p_limit"?: number; "p_retry_seconds"?: number };
        Returns: {
          "id": string;
          "sandbox_id": string;
        }[];
      };
      "copilot_terminate_contexts": {
        Args: {
          "p_all"?: boolean;
          "p_context_id"?: string;
          "p_conversation_id"?: string;
          "p_path_id"?: string;
          "p_tenant_id": string;
          "p_user_id"?: string;
        };
        Returns: {
          "id": string;
          "sandbox_id": string;
        }[];
      };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof (
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
    )
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals } ? (
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
  )[TableName] extends {
    Row: infer R;
  } ? R
  : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R;
    } ? R
    : never
  : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Insert: infer I;
  } ? I
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I;
    } ? I
    : never
  : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Update: infer U;
  } ? U
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U;
    } ? U
    : never
  : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never;

export const Constants = {
  "public": {
    Enums: {},
  },
} as const;
